// The words that settings of kind kWord may be, for those who offer them: completions, manuals.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::engine {

// Empty for any other setting. One of them may be more than a word: see the setting's help.
std::vector<std::string> words_of(std::string_view setting);

}  // namespace medgen::engine
