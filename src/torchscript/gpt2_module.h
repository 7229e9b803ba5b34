// GPT-2 as a TorchScript module: the one definition that is exported, run and trained.
//
//   forward(input_ids [batch, time] int64, position_ids [batch, time] int64, cache:
//   Optional[Tensor])
//     -> (logits [batch, time, vocab_size] float32, cache)
//
// Without a cache the rows see each other causally by position. With one, keys and values of
// these rows are written into it in place at their positions, and every row attends to the
// positions up to its own. A cache is float32 zeros of [n_layer, 2, batch, n_head, capacity,
// head_size].
#pragma once

#include <torch/script.h>

#include <filesystem>
#include <string>

#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "medgen/model_config.h"

namespace medgen::torchscript {

// The module with its parameters allocated but not set. Their names are parameter_specs()'s.
torch::jit::Module make_gpt2_module(const ModelConfig& config, bundle::StorageType storage);

// The parameter called `name` ("transformer.h.0.attn.c_attn.weight"). Throws Error(kModel) if there
// is none.
at::Tensor find_parameter(const torch::jit::Module& module, const std::string& name);

// Sets every parameter to what `reader` gives.
void read_parameters(const bundle::TensorReader& reader, const ModelConfig& config,
                     const torch::jit::Module& to);

// Writes the archive. Throws Error(kRuntime) if it cannot be written whole.
void save_module(const torch::jit::Module& module, const std::filesystem::path& model_pt);

}  // namespace medgen::torchscript
