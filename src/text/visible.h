// The one filter before a terminal.
#pragma once

#include <string>
#include <string_view>

namespace medgen::text {

// Text in which nothing can control a terminal: control characters other than newline and tab, and
// marks that reorder text, are spelled out ("^[", "<U+202E>"), and bytes that are not UTF-8
// become U+FFFD. Everything from a file goes through it that is printed in a table or a message,
// also where the output is not a terminal: it may be shown on one later.
std::string visible(std::string_view given);

}  // namespace medgen::text
