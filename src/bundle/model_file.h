// A model's parameters as a file that PyTorch reads, made without libtorch.
#pragma once

#include <filesystem>

#include "bundle/gpt2_parameters.h"

namespace medgen::bundle {

// Both write every parameter of `config`, as `read` gives it, one at a time. The same parameters
// make the same bytes, on every machine. Both throw what `read` throws, and Error(kRuntime) if
// writing fails.

// A bundle's model.pt: the TorchScript of gpt2_script(), which torch.jit.load runs.
void write_torchscript(const ModelConfig& config, StorageType storage, const TensorReader& read,
                       const std::filesystem::path& file);

// As torch.save writes a state_dict: what is kept of a converted model that is for medgen's own
// use. torch.load reads it too.
void write_state_dict(const ModelConfig& config, StorageType storage, const TensorReader& read,
                      const std::filesystem::path& file);

}  // namespace medgen::bundle
