// The names that config.json may give a feed-forward's activation, and the formula behind each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::bundle {

// Phi is the standard normal distribution function, sigmoid(x) = 1 / (1 + e^-x), softplus(x) =
// ln(1 + e^x).
enum class ActivationFormula {
  kGelu,          // x Phi(x)
  kGelu10,        // the same, within -10 .. 10
  kGeluTanh,      // x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
  kHardSwish,     // x min(max(x + 3, 0), 6) / 6
  kLaplace,       // Phi((x - 0.707107) / 0.282095)
  kLeakyRelu,     // x, or 0.01 x below 0
  kLinear,        // x
  kMish,          // x tanh(softplus(x))
  kQuickGelu,     // x sigmoid(1.702 x)
  kRelu,          // max(x, 0)
  kRelu2,         // max(x, 0)^2
  kRelu6,         // min(max(x, 0), 6)
  kSigmoid,       // sigmoid(x)
  kSilu,          // x sigmoid(x)
  kSqrtSoftplus,  // sqrt(softplus(x))
  kTanh,
};

// Throws Error(kModel) that lists the known names, for an unknown one.
ActivationFormula activation_formula(std::string_view name);

// Every name in Hugging Face's ACT2FN of transformers 4 and 5, except those with parameters
// of their own.
const std::vector<std::string>& known_activations();

}  // namespace medgen::bundle
