// The kernels' activations: their formulas in double, what they make of extremes, and the bits of
// the scalar ones on every instruction set. One that this machine lacks is skipped by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "unit/exact_activation.h"
#include "unit/kernels/each_table.h"

namespace medgen::kernels {
namespace {

struct Named {
  Activation which;
  const char* name;
};
constexpr Named kAll[] = {
    {Activation::kGelu, "gelu"},
    {Activation::kGelu10, "gelu_10"},
    {Activation::kHardSwish, "hardswish"},
    {Activation::kLaplace, "laplace"},
    {Activation::kLeakyRelu, "leaky_relu"},
    {Activation::kMish, "mish"},
    {Activation::kQuickGelu, "quick_gelu"},
    {Activation::kRelu2, "relu2"},
    {Activation::kRelu6, "relu6"},
    {Activation::kSigmoid, "sigmoid"},
    {Activation::kSilu, "silu"},
    {Activation::kSqrtSoftplus, "sqrtsoftplus"},
    {Activation::kTanh, "tanh"},
};

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class ActivationsTest : public EachTable {};

INSTANTIATE_TEST_SUITE_P(Isa, ActivationsTest, kTableNames,
                         [](const auto& test) { return test.param; });

std::vector<float> activated(const Kernels& kernels, Activation which, std::vector<float> x) {
  kernels.activate(which, x.data(), static_cast<int>(x.size()));
  return x;
}

float activated(const Kernels& kernels, Activation which, float x) {
  return activated(kernels, which, std::vector<float>{x})[0];
}

// -50 .. 50 and, on both sides, all magnitudes.
std::vector<float> inputs() {
  std::vector<float> x;
  for (int i = -50'000; i <= 50'000; ++i) x.push_back(static_cast<float>(i) * 1e-3F);
  for (float size = 1e-38F; size < 2e38F; size *= 1.7F) {
    x.push_back(size);
    x.push_back(-size);
  }
  return x;
}

// The largest |y - exact| / max(1, |exact|) over -50 .. 50.
double largest_error(const Kernels& kernels, Activation which, const char* name) {
  const std::vector<float> x = inputs();
  const std::vector<float> y = activated(kernels, which, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::fabs(x[i]) > 50) continue;
    const double exact = exact_activation(name, x[i]);
    const double error =
        std::fabs(static_cast<double>(y[i]) - exact) / std::max(1.0, std::fabs(exact));
    worst = error <= worst ? worst : error;  // a NaN counts as larger
  }
  return worst;
}

TEST_P(ActivationsTest, AreTheirFormulas) {
  for (const auto& [which, name] : kAll) {
    const double error = largest_error(*kernels_, which, name);
    EXPECT_LT(error, 2e-7) << name;
  }
}

// Companion: no formula passes for another.
TEST_P(ActivationsTest, AreNotEachOthersFormulas) {
  for (const auto& [which, name] : kAll) {
    for (const auto& [other, other_name] : kAll) {
      if (other == which) continue;
      EXPECT_GT(largest_error(*kernels_, which, other_name), 1e-3) << name << " " << other_name;
    }
    EXPECT_GT(largest_error(*kernels_, which, "gelu_new"), 1e-4) << name;
  }
}

// Where a value is small it still has most of its digits.
TEST_P(ActivationsTest, KeepTheirDigitsInTheTailAndNearZero) {
  const auto expect_relative = [&](Activation which, const char* name, float low, float high,
                                   double tolerance) {
    for (float x = low; x <= high; x += (high - low) / 5000) {
      const double exact = exact_activation(name, x);
      EXPECT_NEAR(activated(*kernels_, which, x), exact, tolerance * std::fabs(exact))
          << name << " " << x;
    }
  };
  expect_relative(Activation::kGelu, "gelu", -12, -1e-4F, 1e-6);
  expect_relative(Activation::kSilu, "silu", -80, -1e-4F, 1e-6);
  expect_relative(Activation::kQuickGelu, "quick_gelu", -45, -1e-4F, 1e-5);  // 1.702 x is rounded
  expect_relative(Activation::kMish, "mish", -80, -1e-4F, 1e-6);
  expect_relative(Activation::kSqrtSoftplus, "sqrtsoftplus", -80, 10, 1e-6);
  for (float size = 1e-30F; size < 20; size *= 1.01F) {
    for (const float x : {size, -size}) {
      const double exact = std::tanh(static_cast<double>(x));
      EXPECT_NEAR(activated(*kernels_, Activation::kTanh, x), exact, 3e-7 * std::fabs(exact)) << x;
    }
  }
}

TEST_P(ActivationsTest, HaveTheBitsOfTheScalarOnes) {
  const std::vector<float> x = inputs();
  for (const auto& [which, name] : kAll) {
    const std::vector<float> y = activated(*kernels_, which, x);
    const std::vector<float> scalar = activated(*kScalarKernels, which, x);
    EXPECT_EQ(std::memcmp(y.data(), scalar.data(), y.size() * sizeof(float)), 0) << name;
  }
}

TEST_P(ActivationsTest, TouchNothingButTheirElements) {
  for (int n = 0; n <= 40; ++n) {
    std::vector<float> y(48, 0.75F);
    kernels_->activate(Activation::kSilu, y.data(), n);
    const float silu = activated(*kernels_, Activation::kSilu, 0.75F);
    for (int i = 0; i < 48; ++i) EXPECT_EQ(y[static_cast<std::size_t>(i)], i < n ? silu : 0.75F);
  }
}

TEST_P(ActivationsTest, ReachTheirLimits) {
  struct Limits {
    Activation which;
    float low, high;  // for -1e30 and 1e30
  };
  for (const auto& [which, low, high] : {Limits{Activation::kGelu, 0, 1e30F},
                                         {Activation::kGelu10, 0, 10},
                                         {Activation::kHardSwish, 0, 1e30F},
                                         {Activation::kLaplace, 0, 1},
                                         {Activation::kLeakyRelu, -1e28F, 1e30F},
                                         {Activation::kMish, 0, 1e30F},
                                         {Activation::kQuickGelu, 0, 1e30F},
                                         {Activation::kRelu2, 0, kInfinity},  // 1e60
                                         {Activation::kRelu6, 0, 6},
                                         {Activation::kSigmoid, 0, 1},
                                         {Activation::kSilu, 0, 1e30F},
                                         {Activation::kSqrtSoftplus, 0, 1e15F},
                                         {Activation::kTanh, -1, 1}}) {
    EXPECT_FLOAT_EQ(activated(*kernels_, which, -1e30F), low) << static_cast<int>(which);
    EXPECT_FLOAT_EQ(activated(*kernels_, which, 1e30F), high) << static_cast<int>(which);
    EXPECT_FALSE(std::isnan(activated(*kernels_, which, -3e38F))) << static_cast<int>(which);
    EXPECT_FALSE(std::isnan(activated(*kernels_, which, 3e38F))) << static_cast<int>(which);
    // As of the GELU that is an epilogue: x times 0 where x is -infinity.
    EXPECT_GE(activated(*kernels_, which, kInfinity), std::min(high, 1e15F));
    const float lowest = activated(*kernels_, which, -kInfinity);
    EXPECT_TRUE(std::isnan(lowest) || lowest <= 0) << static_cast<int>(which);
  }
}

TEST_P(ActivationsTest, KeepNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& [which, name] : kAll) {
    for (const float x : {nan, -nan}) {
      EXPECT_TRUE(std::isnan(activated(*kernels_, which, x))) << name;
    }
  }
}

}  // namespace
}  // namespace medgen::kernels
