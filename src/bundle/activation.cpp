// See the header.
#include "bundle/activation.h"

#include <algorithm>
#include <iterator>

#include "medgen/error.h"

namespace medgen::bundle {
namespace {

struct NamedFormula {
  std::string_view name;
  ActivationFormula formula;
};

constexpr NamedFormula kTable[] = {
    {"gelu", ActivationFormula::kGelu},
    {"gelu_10", ActivationFormula::kGelu10},
    {"gelu_accurate", ActivationFormula::kGeluTanh},
    {"gelu_fast", ActivationFormula::kGeluTanh},
    {"gelu_new", ActivationFormula::kGeluTanh},
    {"gelu_python", ActivationFormula::kGelu},
    {"gelu_python_tanh", ActivationFormula::kGeluTanh},
    {"gelu_pytorch_tanh", ActivationFormula::kGeluTanh},
    {"hardswish", ActivationFormula::kHardSwish},
    {"laplace", ActivationFormula::kLaplace},
    {"leaky_relu", ActivationFormula::kLeakyRelu},
    {"linear", ActivationFormula::kLinear},
    {"mish", ActivationFormula::kMish},
    {"quick_gelu", ActivationFormula::kQuickGelu},
    {"relu", ActivationFormula::kRelu},
    {"relu2", ActivationFormula::kRelu2},
    {"relu6", ActivationFormula::kRelu6},
    {"sigmoid", ActivationFormula::kSigmoid},
    {"silu", ActivationFormula::kSilu},
    {"sqrtsoftplus", ActivationFormula::kSqrtSoftplus},
    {"swish", ActivationFormula::kSilu},
    {"tanh", ActivationFormula::kTanh},
};

// transformers has these too, but a GPT-2 checkpoint has no place for their parameters.
constexpr std::string_view kLearned[] = {"prelu", "xielu"};

}  // namespace

ActivationFormula activation_formula(std::string_view name) {
  for (const NamedFormula& entry : kTable) {
    if (entry.name == name) return entry.formula;
  }
  std::string message = "activation_function is \"";
  message += name.substr(0, 80);
  message += '"';
  if (std::find(std::begin(kLearned), std::end(kLearned), name) != std::end(kLearned)) {
    message += ", which has learned parameters that a GPT-2 does not hold";
  }
  message += "; supported are ";
  for (const NamedFormula& entry : kTable) {
    if (&entry != kTable) message += ", ";
    message += entry.name;
  }
  throw Error(ErrorCode::kModel, message);
}

const std::vector<std::string>& known_activations() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedFormula& entry : kTable) all.emplace_back(entry.name);
    return all;
  }();
  return names;
}

}  // namespace medgen::bundle
