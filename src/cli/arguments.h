// The words that the program was started with, as the system shows them to everybody (ps).
#pragma once

#include <string_view>

namespace medgen::cli {

// For run(): where they are kept.
void remember_arguments(int argc, char** argv);

// Overwrites `value` there, as a word and behind the = of an option. Nothing else reads it from
// there.
void hide_argument(std::string_view value);

}  // namespace medgen::cli
