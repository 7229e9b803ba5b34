// See the header.
#include "why/audit.h"

#include <algorithm>
#include <cmath>

namespace medgen::why {

std::size_t tokens_in_common(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

double Exposure::bits() const {
  return std::log2(static_cast<double>(among)) - std::log2(static_cast<double>(rank));
}

double Exposure::p_value() const { return static_cast<double>(rank) / static_cast<double>(among); }

Exposure exposure_of(double logprob, std::span<const double> others) {
  const auto before =
      std::count_if(others.begin(), others.end(), [&](double other) { return other >= logprob; });
  return {.rank = static_cast<std::uint64_t>(before) + 1, .among = others.size() + 1};
}

}  // namespace medgen::why
