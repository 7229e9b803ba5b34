// Intervals and comparisons by resampling prompts (Efron 1979), all settings on the same draws.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <vector>

namespace medgen::research {

struct Interval {
  double low = 0, high = 0;
};
// [low, high], or null.
nlohmann::ordered_json interval_json(const std::optional<Interval>& interval);

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

// Two statistics of the same prompts, in the same order.
struct PairedSums {
  const PromptSums* a = nullptr;
  const PromptSums* b = nullptr;
};

// Two-sided p of "both settings make the same texts" for each pair: the share of permutations whose
// difference is at least as large as the one seen. Under that hypothesis a prompt's two sums could
// as well be exchanged, so the test holds its level whatever their distribution, and for rare
// events (Fisher 1935; Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 2005,
// chapter 3). Exact, over all exchanges of the prompts that differ, where there are at most
// `resamples` of them; else over so many random ones, and itself among them (Phipson and Smyth
// 2010). All pairs see the same exchanges.
std::vector<double> permutation_p_values(std::span<const PairedSums> pairs, int resamples,
                                         std::uint64_t seed);

// The least p that permutation_p_values() can give for so many prompts.
double least_p_value(std::size_t prompts, int resamples);

// Holm's step-down correction (1979), in the order given.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace medgen::research
