// MAUVE of each setting's texts and the reference's, for a table of metrics.
#pragma once

#include <vector>

#include "research/metrics.h"
#include "research/metrics_resampling.h"

namespace medgen::research {

// Fills `mauve` and `mauve_star` of every setting from its texts' features; the last row is the
// reference. Adds what a reader should know to the notices.
void add_mauve(Metrics& metrics, const std::vector<TextRow>& rows, const MetricsOptions& options);

}  // namespace medgen::research
