// The activations of transformers' ACT2FN in double, each by its own name and as it is written
// there, for tests to compare with.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace medgen {

// NaN for a name that is not known.
inline double exact_activation(std::string_view name, double x) {
  const auto gelu = [](double v) { return v * 0.5 * std::erfc(-v / std::sqrt(2)); };
  const auto gelu_of = [x](double u) { return x / (1 + std::exp(-2 * u)); };  // x (1 + tanh u) / 2
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const auto softplus = [](double v) {
    return std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v)));
  };
  if (name == "gelu" || name == "gelu_python") return gelu(x);
  if (name == "gelu_10") return std::clamp(gelu(x), -10.0, 10.0);
  if (name == "gelu_accurate") return gelu_of(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
  if (name == "gelu_fast") return gelu_of(x * 0.7978845608 * (1 + 0.044715 * x * x));
  if (name == "gelu_new" || name == "gelu_python_tanh" || name == "gelu_pytorch_tanh") {
    return gelu_of(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
  }
  if (name == "hardswish") return x * std::clamp(x + 3, 0.0, 6.0) / 6;
  if (name == "laplace") {
    return 0.5 * std::erfc(-(x - 0.707107) / (0.282095 * std::sqrt(2)));
  }
  if (name == "leaky_relu") return x < 0 ? 0.01 * x : x;
  if (name == "linear") return x;
  if (name == "mish") return x * std::tanh(softplus(x));
  if (name == "quick_gelu") return x * sigmoid(1.702 * x);
  if (name == "relu") return std::max(x, 0.0);
  if (name == "relu2") return std::max(x, 0.0) * std::max(x, 0.0);
  if (name == "relu6") return std::clamp(x, 0.0, 6.0);
  if (name == "sigmoid") return sigmoid(x);
  if (name == "silu" || name == "swish") return x * sigmoid(x);
  if (name == "sqrtsoftplus") return std::sqrt(softplus(x));
  if (name == "tanh") return std::tanh(x);
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace medgen
