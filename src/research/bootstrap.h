// Intervals and comparisons by resampling prompts (Efron 1979), all settings on the same draws.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace medgen::research {

struct Interval {
  double low = 0, high = 0;
};

// A statistic that is a ratio of two sums over prompts, or the exponential of one.
struct PromptSums {
  std::vector<double> top, bottom;  // one for each prompt
  bool exponential = false;

  double value() const;  // not finite if the sum of `bottom` is 0
};

// The statistics under `resamples` draws of as many prompts as there are, with replacement:
// [series][resample]. Every series sees the same draws; they depend on the seed and the number of
// prompts alone.
std::vector<std::vector<double>> bootstrap(std::span<const PromptSums> series, int resamples,
                                           std::uint64_t seed);

// Percentile interval (linear between order statistics). Values that are not finite do not count;
// nothing if fewer than two are left.
std::optional<Interval> percentile_interval(std::vector<double> values, double confidence);

// Two-sided p of "no difference" from bootstrapped differences: twice the smaller share on one side
// of 0, a difference of exactly 0 on both; never below 2 / (resamples + 1).
double two_sided_p(std::span<const double> differences);

// Holm's step-down correction (1979), in the order given.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace medgen::research
