// A model of libtorch's from a TorchScript file's parameters, as the tests of this folder run it.
#pragma once

#include <filesystem>
#include <memory>

#include "bundle/gpt2_parameters.h"
#include "wiring/torch_module.h"

namespace medgen {

inline std::unique_ptr<Backend> open_in_libtorch(const std::filesystem::path& model_pt,
                                                 const ModelConfig& config,
                                                 const torchscript::BackendOptions& options) {
  const auto parameters = bundle::Gpt2Parameters::open(model_pt, config);
  return wiring::torch_room().open_backend(parameters.config(), parameters.reader(), options);
}

}  // namespace medgen
