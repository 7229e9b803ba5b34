// exp, log and pow in double for what decides a token: plain arithmetic in a fixed order, so its
// bits depend neither on the C library nor on the processor. Relative error below 1e-15 (pow:
// 1e-14 for the small arguments it is used with).
#pragma once

#include <bit>
#include <cstdint>

namespace medgen::engine {

inline constexpr double kFixedExp64Lowest = -708;

// e^x for -708 <= x <= 0; callers clamp. x = k ln 2 + r, |r| <= ln 2 / 2; Taylor polynomial of
// degree 13 in r, whose remainder is below 5e-18. Branchless, so that loops over it vectorise.
[[gnu::always_inline]] inline double fixed_exp64(double x) {
  constexpr double kShift = 0x1.8p52;  // adding it rounds to an integer, found in the low bits
  const double shifted = x * 0x1.71547652b82fep0 + kShift;
  const double k = shifted - kShift;
  const double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return p * std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023U) << 52U);
}

// ln x for normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m +
// 1)) by its series, whose remainder is below 1e-18.
inline double fixed_log64(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<int>(bits >> 52U) - 1023;
  double m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFULL) | 0x3FF0000000000000ULL);
  if (m > 0x1.6a09e667f3bcdp0) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double t = s * s;
  double p = 1.0 / 23;
  for (int n = 21; n >= 3; n -= 2) p = p * t + 1.0 / n;
  const double e = exponent;
  return e * 0x1.62e42fee00000p-1 + (2 * s + (2 * s * (t * p) + e * 0x1.a39ef35793c76p-33));
}

// e^x without the limits of fixed_exp64(): 0 below, e^709 above.
inline double fixed_exp64_any(double x) {
  if (x < kFixedExp64Lowest) return 0;
  if (x > 0) return x > 700 ? 1 / fixed_exp64(-700) : 1 / fixed_exp64(-x);
  return fixed_exp64(x);
}

// base^exponent for base >= 0.
inline double fixed_pow64(double base, double exponent) {
  if (exponent == 1) return base;
  return base < 0x1p-1022 ? 0 : fixed_exp64_any(exponent * fixed_log64(base));
}

// base^n by squaring.
inline double fixed_power(double base, unsigned n) {
  double result = 1;
  for (; n > 0; n >>= 1U, base *= base) {
    if (n & 1U) result *= base;
  }
  return result;
}

}  // namespace medgen::engine
