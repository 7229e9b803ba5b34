// A model's reliability curve: how often its likeliest next token came, against how sure it was.
#pragma once

#include <string>

#include "research/calibration.h"

namespace medgen::report {

// A whole SVG: a point for each bin that holds tokens, its band the interval, and the diagonal on
// which a model lies whose probabilities are exact. `title` may be any text.
std::string calibration_svg(const research::Calibration& calibration, const std::string& title);

}  // namespace medgen::report
