// The one rule for what a message may repeat of what a user gave: numbers, and words of which there
// are a few. Anything else may be about a patient.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::base {

// Follows "is": a number in quotes, of any other text the length ("a text of 12 characters").
std::string value_shown(std::string_view value);

// For one of a few words: what is nearly one of them is in quotes too.
std::string word_shown(std::string_view value, const std::vector<std::string>& allowed);

}  // namespace medgen::base
