// exp() for softmax sums: plain float32 arithmetic in a fixed order, so its bits depend neither on
// the C library nor on the processor, and without a branch, so that compilers vectorise loops over
// it.
#pragma once

#include <bit>
#include <cstdint>

namespace medgen::engine {

// Clamp what is below. A step of its own, because g++ would make it a branch and then not
// vectorise.
inline constexpr float kFixedExpLowest = -87.0F;

// e^x for kFixedExpLowest <= x <= 0, relative error below 2e-7.
// Cody-Waite reduction x = k ln 2 + r, |r| <= ln 2 / 2; Taylor polynomial of degree 7 in r, whose
// remainder is below 6e-9.
inline float fixed_exp(float x) {
  constexpr float kShift = 0x1.8p23F;  // adding it rounds to an integer, found in the low bits
  const float shifted = x * 0x1.715476p0F + kShift;
  const float k = shifted - kShift;
  const float r = (x - k * 0x1.62e4p-1F) - k * 0x1.7f7d1cp-20F;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23);
}

}  // namespace medgen::engine
