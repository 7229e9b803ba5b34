// See the header.
#include "research/shares.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace medgen::research {
namespace {

// The standard normal distribution's quantile that leaves (1 - confidence) / 2 above it.
double normal_quantile(double confidence) {
  double low = 0, high = 40;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::sqrt(2.0)) > 1 - confidence ? low : high) = middle;
  }
  return low;
}

}  // namespace

Interval wilson_interval(double share, double n, double confidence) {
  const double z = normal_quantile(confidence), z2 = z * z;
  const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return {share <= 0 ? 0 : std::max(0.0, middle - half),
          share >= 1 ? 1 : std::min(1.0, middle + half)};
}

Interval clustered_wilson_interval(const PromptSums& sums, double confidence) {
  const double texts = std::accumulate(sums.bottom.begin(), sums.bottom.end(), 0.0);
  const auto prompts = static_cast<double>(sums.bottom.size());
  const double share = sums.value();
  double squares = 0;
  for (std::size_t i = 0; i < sums.top.size(); ++i) {
    const double off = sums.top[i] - share * sums.bottom[i];
    squares += off * off;
  }
  const double variance = prompts / (prompts - 1) * squares / (texts * texts);
  const double effective = share * (1 - share) / variance;
  return wilson_interval(share,
                         std::isfinite(effective) && effective > 0 ? std::min(effective, texts)
                                                                   : std::min(prompts, texts),
                         confidence);
}

Interval difference_interval(double a, const Interval& of_a, double b, const Interval& of_b,
                             double correlation) {
  const auto add = [&](double one, double other) {
    return std::sqrt(std::max(0.0, one * one - 2 * correlation * one * other + other * other));
  };
  return {a - b - add(a - of_a.low, of_b.high - b), a - b + add(of_a.high - a, b - of_b.low)};
}

double correlation(const PromptSums& a, const PromptSums& b) {
  const double share_a = a.value(), share_b = b.value();
  double products = 0, squares_a = 0, squares_b = 0;
  for (std::size_t i = 0; i < a.top.size(); ++i) {
    const double off_a = a.top[i] - share_a * a.bottom[i];
    const double off_b = b.top[i] - share_b * b.bottom[i];
    products += off_a * off_b;
    squares_a += off_a * off_a;
    squares_b += off_b * off_b;
  }
  return squares_a > 0 && squares_b > 0 ? products / std::sqrt(squares_a * squares_b) : 0;
}

}  // namespace medgen::research
