// Words by which names and places are told.
#pragma once

#include <string_view>
#include <unordered_set>

namespace medgen::safety {

using WordSet = std::unordered_set<std::string_view>;

// Seldom anything but a name when written with a capital.
const WordSet& given_names();
// Given names that are words too, or places, or parts of what diseases are called.
const WordSet& ambiguous_given_names();
const WordSet& surnames();
// What begins a sentence, a heading or a title, or follows a name in one.
const WordSet& plain_words();
// Nouns that make what stands before them an eponym: "Wilson disease", "Allen test".
const WordSet& eponym_nouns();
const WordSet& large_cities();
// Countries, states and larger regions.
const WordSet& large_regions();

}  // namespace medgen::safety
