// What is decided before the first step: which parameters are trained, and in which precision.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/value_shown.h"
#include "medgen/error.h"
#include "torchscript/gpt2_module.h"
#include "torchscript/runtime.h"
#include "train/trainer.h"

namespace medgen::train {
namespace {

[[noreturn]] void refuse_freeze(const std::string& item, int n_layer) {
  throw Error(ErrorCode::kUsage,
              fmt::format("freeze is {}; it must be embeddings, a layer or a range of layers "
                          "such as 0-3, the layers being 0 to {}",
                          base::value_shown(item), n_layer - 1));
}

// "3" or "0-3"
std::pair<int, int> layer_range(const std::string& item, int n_layer) {
  int first = 0;
  const char* const end = item.data() + item.size();
  auto read = std::from_chars(item.data(), end, first);
  int last = first;
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == '-') {
    read = std::from_chars(read.ptr + 1, end, last);
  }
  if (read.ec != std::errc() || read.ptr != end || first < 0 || last < first || last >= n_layer) {
    refuse_freeze(item, n_layer);
  }
  return {first, last};
}

}  // namespace

std::vector<NamedParameter> named_parameters(const torch::jit::Module& module,
                                             const ModelConfig& config) {
  std::vector<NamedParameter> parameters;
  for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
    parameters.push_back({spec.name, torchscript::find_parameter(module, spec.name)});
  }
  return parameters;
}

void set_trainable(const std::vector<NamedParameter>& parameters, const ModelConfig& config,
                   const std::vector<std::string>& freeze) {
  std::vector<std::string> frozen;  // beginnings of names
  for (const std::string& item : freeze) {
    if (item == "embeddings") {
      frozen.insert(frozen.end(), {"transformer.wte.", "transformer.wpe."});
      continue;
    }
    const auto [first, last] = layer_range(item, config.n_layer);
    for (int layer = first; layer <= last; ++layer) {
      frozen.push_back(fmt::format("transformer.h.{}.", layer));
    }
  }
  for (const NamedParameter& parameter : parameters) {
    const bool is_frozen = std::any_of(frozen.begin(), frozen.end(), [&](const std::string& name) {
      return parameter.name.starts_with(name);
    });
    at::Tensor tensor = parameter.tensor;
    tensor.set_requires_grad(!is_frozen);
  }
}

bool resolve_bf16(const TrainOptions& options) {
  torchscript::require_device(options.device);
  if (options.precision != "auto") return options.precision == "bf16";
  return options.device == "cuda" || torchscript::has_bf16_instructions();
}

}  // namespace medgen::train
