// Intervals and comparisons of a whole table: each measure resampled over prompts, settings with
// the same prompts on the same draws. Knows nothing of how a measure is computed.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "research/bootstrap.h"
#include "research/metrics.h"

namespace medgen::research {

using Tokens = std::vector<TokenId>;

// The texts of one setting, ready to be counted.
struct TextRow {
  std::vector<const Sample*> samples;
  std::vector<Tokens> tokens;                     // of each sample, a final EOS left out
  std::vector<std::string> prompts;               // ids, ascending
  std::vector<std::vector<std::size_t>> members;  // of each prompt: places in `samples`
};

// A measure's value, and what it comes from prompt by prompt.
struct Measure {
  std::optional<double> value = {};
  PromptSums sums = {};                    // empty where there is nothing to resample
  Interval range = {-HUGE_VAL, HUGE_VAL};  // that an interval of influences may not leave
};

// Fills the intervals, comparisons and intervals of distances of `results`, of which each belongs
// to the row and the measures of the same place; measures in the order of metric_infos().
void resample(std::vector<SettingMetrics>& results, const std::vector<TextRow>& rows,
              const std::vector<std::vector<Measure>>& measures, const MetricsOptions& options);

}  // namespace medgen::research
