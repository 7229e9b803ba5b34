// Gauss and Legendre's rule. Apart from what needs libtorch, so that it is tested without.
#include <cmath>
#include <numbers>

#include "torchscript/gradients.h"

namespace medgen::torchscript {
namespace {

struct LegendreValue {
  double value = 0, slope = 0;
};

// Of the polynomial of degree `degree` at x, by Bonnet's recurrence.
LegendreValue legendre(int degree, double x) {
  double before = 1, value = x;
  for (int k = 2; k <= degree; ++k) {
    const double next = ((2 * k - 1) * x * value - (k - 1) * before) / k;
    before = value;
    value = next;
  }
  return {value, degree * (x * value - before) / (x * x - 1)};
}

}  // namespace

QuadratureRule gauss_legendre(int count) {
  QuadratureRule rule;
  for (int i = count; i >= 1; --i) {
    double x = std::cos(std::numbers::pi * (i - 0.25) / (count + 0.5));  // near the root
    for (int step = 0; step < 100; ++step) {
      const LegendreValue at = legendre(count, x);
      const double move = at.value / at.slope;
      x -= move;
      if (std::fabs(move) < 1e-15) break;
    }
    const double slope = legendre(count, x).slope;
    rule.points.push_back((1 + x) / 2);
    rule.weights.push_back(1 / ((1 - x * x) * slope * slope));  // half of that on [-1, 1]
  }
  return rule;
}

}  // namespace medgen::torchscript
