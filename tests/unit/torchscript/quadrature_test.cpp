// Gauss and Legendre's rule, which needs no libtorch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "torchscript/gradients.h"

namespace medgen::torchscript {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

// Of x^power over [0, 1], by the rule.
double integral(const QuadratureRule& rule, int power) {
  double sum = 0;
  for (std::size_t i = 0; i < rule.points.size(); ++i) {
    sum += rule.weights[i] * std::pow(rule.points[i], power);
  }
  return sum;
}

TEST(QuadratureTest, ThePointsOfTwoAreThoseOfTheTables) {
  const QuadratureRule rule = gauss_legendre(2);
  const double off = 0.5 / std::sqrt(3.0);
  EXPECT_THAT(rule.points, ElementsAre(DoubleNear(0.5 - off, 1e-15), DoubleNear(0.5 + off, 1e-15)));
  EXPECT_THAT(rule.weights, ElementsAre(DoubleNear(0.5, 1e-15), DoubleNear(0.5, 1e-15)));
}

TEST(QuadratureTest, PolynomialsBelowTwiceTheCountAreIntegratedExactly) {
  for (const int count : {1, 2, 3, 8, 50, 1000}) {
    const QuadratureRule rule = gauss_legendre(count);
    EXPECT_NEAR(integral(rule, 0), 1, 1e-12) << count;
    EXPECT_NEAR(integral(rule, 2 * count - 1), 1.0 / (2 * count), 1e-12) << count;
    EXPECT_TRUE(std::is_sorted(rule.points.begin(), rule.points.end()));
  }
}

TEST(QuadratureTest, APolynomialOfTwiceTheCountIsNot) {
  EXPECT_GT(std::fabs(integral(gauss_legendre(2), 4) - 0.2), 1e-3);
}

}  // namespace
}  // namespace medgen::torchscript
