// What every run says about its text. One place, so that terminal, JSON and documents agree.
#pragma once

#include <string_view>

namespace medgen::safety {

// The whole notice: one paragraph without line breaks.
std::string_view notice();

// The same in one short line, for those who asked for quiet.
std::string_view short_notice();

}  // namespace medgen::safety
