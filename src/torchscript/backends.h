// The two ways to run a TorchScript GPT-2. One thread drives a back end.
#pragma once

#include <torch/script.h>

#include <memory>

#include "medgen/backend.h"
#include "medgen/model_config.h"
#include "torchscript/backend_options.h"

namespace medgen::torchscript {

// `module` is what make_gpt2_module() defines: a key/value cache per slot, sequences decoded
// together. Warmed up on return.
std::unique_ptr<Backend> make_bundle_backend(torch::jit::Module module, const ModelConfig& config,
                                             const BackendOptions& options);

// `module` is foreign and has forward(input_ids) -> logits, no cache: every step runs whole
// sequences.
std::unique_ptr<Backend> make_uncached_backend(torch::jit::Module module, const ModelConfig& config,
                                               const BackendOptions& options);

}  // namespace medgen::torchscript
