// GPT-2 as a module of libtorch, of the source in bundle/gpt2_script.h: what is run and trained.
#pragma once

#include <torch/script.h>

#include <string>

#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "medgen/model_config.h"

namespace medgen::torchscript {

// The module with its parameters, of float32, allocated but not set. Their names are
// parameter_specs()'s.
torch::jit::Module make_gpt2_module(const ModelConfig& config);

// The parameter called `name` ("transformer.h.0.attn.c_attn.weight"). Throws Error(kModel) if there
// is none.
at::Tensor find_parameter(const torch::jit::Module& module, const std::string& name);

// Sets every parameter to what `reader` gives.
void read_parameters(const bundle::TensorReader& reader, const ModelConfig& config,
                     const torch::jit::Module& to);

}  // namespace medgen::torchscript
