// Names of people and of cities, and words that are none though they look like one.
#pragma once

#include <functional>
#include <string_view>

namespace medgen::safety {

// Whether these words, written as in a text, can be a name at a place where one is expected: not
// only words of clinical notes, headings or titles.
bool can_be_name(std::string_view words);
bool is_listed_name(std::string_view word);  // a common given name or surname
bool is_large_city(std::string_view words);
// A country, a state or a larger region, which identify nobody; or no place at all.
bool is_no_small_place(std::string_view words);

// Calls `found` with the offset and the length of names that lists of common ones give away:
// "Maria Lopez", "SMITH, JOHN".
void find_listed_names(std::string_view text,
                       const std::function<void(std::size_t, std::size_t)>& found);

}  // namespace medgen::safety
