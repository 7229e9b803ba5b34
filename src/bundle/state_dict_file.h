// A model's parameters as torch.save writes a state_dict, made without libtorch: what is kept of a
// converted model that is for medgen's own use. torch.load reads it too.
#pragma once

#include <filesystem>

#include "bundle/gpt2_parameters.h"

namespace medgen::bundle {

// Writes every parameter of `config`, as `read` gives it, one at a time. The same parameters make
// the same bytes. Throws what `read` throws, and Error(kRuntime) if writing fails.
void write_state_dict(const ModelConfig& config, StorageType storage, const TensorReader& read,
                      const std::filesystem::path& file);

}  // namespace medgen::bundle
