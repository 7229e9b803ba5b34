// Resampling prompts.
#include "research/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace medgen::research {
namespace {

// Keeps these draws separate from those of samples, whose numbers are small.
constexpr std::uint32_t kBootstrapStream = 0x40000000U;

double statistic(double top, double bottom, bool exponential) {
  const double ratio = top / bottom;
  return exponential ? std::exp(ratio) : ratio;
}

// Linear between the two order statistics on either side. Reorders the values.
double quantile(std::vector<double>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), below, values.end());
  const double low = *below;
  if (below + 1 == values.end()) return low;
  const double high = *std::min_element(below + 1, values.end());
  return low + (place - std::floor(place)) * (high - low);
}

}  // namespace

double PromptSums::value() const {
  return statistic(std::accumulate(top.begin(), top.end(), 0.0),
                   std::accumulate(bottom.begin(), bottom.end(), 0.0), exponential);
}

std::vector<std::vector<double>> bootstrap(std::span<const PromptSums> series, int resamples,
                                           std::uint64_t seed) {
  const std::size_t prompts = series.empty() ? 0 : series.front().top.size();
  std::vector<std::vector<double>> values(series.size());
  for (auto& row : values) row.reserve(static_cast<std::size_t>(resamples));
  std::vector<double> times(prompts);  // how often each prompt was drawn
  for (int r = 0; r < resamples; ++r) {
    std::fill(times.begin(), times.end(), 0.0);
    const base::RandomKey key{seed, static_cast<std::uint64_t>(r), kBootstrapStream};
    for (std::uint32_t i = 0; i < prompts; ++i) {
      times[static_cast<std::size_t>(base::uniform(key, i) * static_cast<double>(prompts))] += 1;
    }
    for (std::size_t s = 0; s < series.size(); ++s) {
      const PromptSums& sums = series[s];
      values[s].push_back(
          statistic(std::inner_product(times.begin(), times.end(), sums.top.begin(), 0.0),
                    std::inner_product(times.begin(), times.end(), sums.bottom.begin(), 0.0),
                    sums.exponential));
    }
  }
  return values;
}

std::optional<Interval> percentile_interval(std::vector<double> values, double confidence) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.size() < 2) return std::nullopt;
  return Interval{quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)};
}

double two_sided_p(std::span<const double> differences) {
  const auto share = [&](auto&& counts) {
    const auto n = std::count_if(differences.begin(), differences.end(), counts);
    return static_cast<double>(n + 1) / static_cast<double>(differences.size() + 1);
  };
  // NaN counts on both sides: it is not evidence for either.
  const double below = share([](double d) { return !(d > 0); });
  const double above = share([](double d) { return !(d < 0); });
  return std::min(1.0, 2 * std::min(below, above));
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> corrected(p_values.size());
  double highest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    highest = std::max(highest, static_cast<double>(order.size() - i) * p_values[order[i]]);
    corrected[order[i]] = std::min(1.0, highest);
  }
  return corrected;
}

}  // namespace medgen::research
