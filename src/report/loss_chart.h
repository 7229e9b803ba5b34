// The picture of a training run. Nothing of libtorch here.
#pragma once

#include <string>
#include <vector>

namespace medgen::report {

// An SVG of the training and held-out losses in the lines of a metrics.jsonl; lines that hold
// neither are skipped.
std::string loss_chart(const std::vector<std::string>& metrics);

}  // namespace medgen::report
