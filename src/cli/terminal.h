// What standard output and standard error are, and what may be written there: colours, and text in
// its visible form.
#pragma once

#include "text/visible.h"

namespace medgen::cli {

enum class ColorChoice { kAuto, kAlways, kNever };

bool is_terminal(int descriptor);

// Colours are used on a terminal unless NO_COLOR is set (and not empty) or TERM is "dumb".
bool use_color(ColorChoice choice, int descriptor);

using text::visible;

// The beginning of a line of visible() text that is no wider than `columns`; what is cut off is
// told by an ellipsis.
std::string fitted(std::string_view line, int columns);

// Columns of the terminal, 80 if unknown.
int terminal_columns(int descriptor);

}  // namespace medgen::cli
