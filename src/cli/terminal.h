// What standard output and standard error are, and what may be written there: colours and the
// visible form of control characters.
#pragma once

#include <string>
#include <string_view>

namespace medgen::cli {

enum class ColorChoice { kAuto, kAlways, kNever };

bool is_terminal(int descriptor);

// Colours are used on a terminal unless NO_COLOR is set (and not empty) or TERM is "dumb".
bool use_color(ColorChoice choice, int descriptor);

// Text in which nothing can control a terminal: control characters other than newline and tab, and
// marks that reorder text, are spelled out ("^[", "<U+202E>"), and bytes that are not UTF-8
// become U+FFFD. Everything from a file goes through it that is printed in a table or a message,
// also where the output is not a terminal: it may be shown on one later.
std::string visible(std::string_view given);

// Columns of the terminal, 80 if unknown.
int terminal_columns(int descriptor);

}  // namespace medgen::cli
