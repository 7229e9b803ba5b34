// See the header.
#include "research/agreement.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace medgen::research {
namespace {

constexpr std::uint32_t kItemStream = 0x40000005U;  // of random numbers

using Table = std::vector<std::vector<double>>;

// How often two raters of one item gave these two categories, each item weighing as many ratings as
// it has; `times` says how often each item counts.
Table coincidences(const std::vector<RatedItem>& items, const std::vector<double>& times,
                   int categories) {
  const auto size = static_cast<std::size_t>(categories);
  Table table(size, std::vector<double>(size));
  std::vector<double> counts(size);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].size() < 2 || times[i] == 0) continue;
    std::fill(counts.begin(), counts.end(), 0.0);
    for (const int category : items[i]) counts[static_cast<std::size_t>(category)] += 1;
    const double weight = times[i] / static_cast<double>(items[i].size() - 1);
    for (std::size_t c = 0; c < size; ++c) {
      for (std::size_t k = 0; k < size; ++k) {
        table[c][k] += weight * counts[c] * (counts[k] - (c == k ? 1 : 0));
      }
    }
  }
  return table;
}

// The squared distance between two categories.
double distance(std::size_t c, std::size_t k, const std::vector<double>& totals, Scale scale) {
  if (c == k) return 0;
  if (scale == Scale::kNominal) return 1;
  double between = -(totals[c] + totals[k]) / 2;
  for (std::size_t g = std::min(c, k); g <= std::max(c, k); ++g) between += totals[g];
  return between * between;
}

std::optional<double> alpha_of(const Table& table, Scale scale) {
  std::vector<double> totals;
  double all = 0;
  for (const auto& row : table) {
    double total = 0;
    for (const double value : row) total += value;
    totals.push_back(total);
    all += total;
  }
  double observed = 0, expected = 0;
  for (std::size_t c = 0; c < table.size(); ++c) {
    for (std::size_t k = 0; k < table.size(); ++k) {
      const double d = distance(c, k, totals, scale);
      observed += table[c][k] * d;
      expected += totals[c] * totals[k] * d;
    }
  }
  if (!(expected > 0)) return std::nullopt;
  return 1 - (all - 1) * observed / expected;
}

}  // namespace

std::optional<double> krippendorff_alpha(const std::vector<RatedItem>& items, int categories,
                                         Scale scale) {
  return alpha_of(coincidences(items, std::vector<double>(items.size(), 1.0), categories), scale);
}

std::optional<Interval> krippendorff_interval(const std::vector<RatedItem>& items, int categories,
                                              Scale scale, double confidence, int resamples,
                                              std::uint64_t seed) {
  std::vector<double> alphas, times(items.size());
  for (int r = 0; r < resamples; ++r) {
    std::fill(times.begin(), times.end(), 0.0);
    const base::RandomKey key{seed, static_cast<std::uint64_t>(r), kItemStream};
    for (std::uint32_t i = 0; i < items.size(); ++i) {
      times[static_cast<std::size_t>(base::uniform(key, i) * static_cast<double>(items.size()))] +=
          1;
    }
    const auto alpha = alpha_of(coincidences(items, times, categories), scale);
    if (alpha) alphas.push_back(*alpha);
  }
  return percentile_interval(std::move(alphas), confidence);
}

}  // namespace medgen::research
