// The weights of a Hugging Face folder, in whichever files and spelling they are.
#pragma once

#include <filesystem>
#include <vector>

#include "bundle/gpt2_parameters.h"

namespace medgen::bundle {

// The file that transformers would read: model.safetensors or the index of its shards, else
// pytorch_model.bin or the index of its shards, else the only variant ("model.fp16.safetensors") of
// these. Throws Error(kModel) that says what the folder is instead.
std::filesystem::path find_checkpoint_weights(const std::filesystem::path& folder);

// All files that the tensors of find_checkpoint_weights() are read from: an index and its shards.
std::vector<std::filesystem::path> checkpoint_files(const std::filesystem::path& weights);

// Its tensors. A .bin file is a pickle of which nothing is called: see torchscript_weights.h.
TensorSource open_checkpoint_weights(const std::filesystem::path& weights);

}  // namespace medgen::bundle
