// How help is set.
#pragma once

#include <cstddef>
#include <string>

namespace medgen::cli {

// Breaks lines at blanks so that none is wider than `width`.
std::string wrap(const std::string& text, std::size_t width);

// Below the options of every command.
extern const char* const kFooter;

}  // namespace medgen::cli
