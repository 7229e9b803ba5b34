// Resampling prompts.
#include "research/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/random.h"

namespace medgen::research {
namespace {

// Keeps these draws separate from those of samples, whose numbers are small.
constexpr std::uint32_t kBootstrapStream = 0x40000000U, kPermutationStream = 0x40000003U;

double statistic(double top, double bottom, bool exponential) {
  const double ratio = top / bottom;
  return exponential ? std::exp(ratio) : ratio;
}

// A pair's sums, and what exchanging each prompt's adds to those of `a`.
class Exchange {
 public:
  explicit Exchange(const PairedSums& pair) : exponential_(pair.a->exponential) {
    for (std::size_t i = 0; i < pair.a->top.size(); ++i) {
      top_ += pair.a->top[i];
      bottom_ += pair.a->bottom[i];
      all_top_ += pair.a->top[i] + pair.b->top[i];
      all_bottom_ += pair.a->bottom[i] + pair.b->bottom[i];
      const double top = pair.b->top[i] - pair.a->top[i];
      const double bottom = pair.b->bottom[i] - pair.a->bottom[i];
      more_top_.push_back(top);
      more_bottom_.push_back(bottom);
      if (top != 0 || bottom != 0) differing_.push_back(i);
    }
    seen_ = std::fabs(difference(top_, bottom_));
  }

  std::size_t size() const { return differing_.size(); }  // prompts that differ

  // By prompt, 1 where the two are exchanged, else 0.
  bool is_as_large(std::span<const double> swapped) const {
    return counts(
        std::inner_product(swapped.begin(), swapped.end(), more_top_.begin(), top_),
        std::inner_product(swapped.begin(), swapped.end(), more_bottom_.begin(), bottom_));
  }

  double exact_p() const {
    const std::uint64_t all = std::uint64_t{1} << differing_.size();
    std::uint64_t as_large = 0;
    for (std::uint64_t exchange = 0; exchange < all; ++exchange) {
      double top = top_, bottom = bottom_;
      for (std::size_t d = 0; d < differing_.size(); ++d) {
        if ((exchange >> d & 1U) == 0) continue;
        top += more_top_[differing_[d]];
        bottom += more_bottom_[differing_[d]];
      }
      as_large += counts(top, bottom) ? 1 : 0;
    }
    return static_cast<double>(as_large) / static_cast<double>(all);
  }

 private:
  double difference(double top, double bottom) const {
    return statistic(top, bottom, exponential_) -
           statistic(all_top_ - top, all_bottom_ - bottom, exponential_);
  }

  // Equal differences round differently; what is not a number is evidence for nothing.
  bool counts(double top, double bottom) const {
    return !(std::fabs(difference(top, bottom)) < seen_ * (1 - 1e-9));
  }

  bool exponential_;
  double top_ = 0, bottom_ = 0, all_top_ = 0, all_bottom_ = 0, seen_ = 0;
  std::vector<double> more_top_, more_bottom_;
  std::vector<std::size_t> differing_;
};

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

nlohmann::ordered_json interval_json(const std::optional<Interval>& interval) {
  using Json = nlohmann::ordered_json;
  return interval ? Json{interval->low, interval->high} : Json(nullptr);
}

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

std::vector<double> permutation_p_values(std::span<const PairedSums> pairs, int resamples,
                                         std::uint64_t seed) {
  std::vector<double> p_values;
  std::vector<Exchange> drawn;  // those that are too many for all exchanges
  std::vector<std::size_t> places;
  for (const PairedSums& pair : pairs) {
    Exchange exchange(pair);
    const std::size_t differing = exchange.size();
    const bool all = differing < 31 && (std::int64_t{1} << differing) <= resamples;
    p_values.push_back(all ? exchange.exact_p() : 1);
    if (all) continue;
    places.push_back(p_values.size() - 1);
    drawn.push_back(std::move(exchange));
  }
  if (drawn.empty()) return p_values;
  const std::size_t prompts = pairs.front().a->top.size();
  std::vector<double> swapped(prompts);
  std::vector<int> as_large(drawn.size(), 1);  // the one seen
  for (int r = 0; r < resamples; ++r) {
    const base::RandomKey key{seed, static_cast<std::uint64_t>(r), kPermutationStream};
    for (std::uint32_t i = 0; i < prompts; ++i) swapped[i] = base::uniform(key, i) < 0.5 ? 1 : 0;
    for (std::size_t d = 0; d < drawn.size(); ++d) as_large[d] += drawn[d].is_as_large(swapped);
  }
  for (std::size_t d = 0; d < drawn.size(); ++d) {
    p_values[places[d]] = static_cast<double>(as_large[d]) / static_cast<double>(resamples + 1);
  }
  return p_values;
}

double least_p_value(std::size_t prompts, int resamples) {
  const bool all = prompts < 31 && (std::int64_t{1} << prompts) <= resamples;
  return all ? std::min(1.0, std::exp2(1.0 - static_cast<double>(prompts))) : 1.0 / (resamples + 1);
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
