// Bracketed paste: the terminal puts marks around what is pasted, so that it is told from keys.
#pragma once

#include <string_view>

#include "terminal/screen.h"

namespace medgen::terminal {

inline constexpr std::string_view kPasteMarksOn = "\x1b[?2004h";
inline constexpr std::string_view kPasteMarksOff = "\x1b[?2004l";

// Asks for the marks, also again after the program was stopped; see signals.cpp.
void keep_paste_marks(Screen& screen, bool on);

}  // namespace medgen::terminal
