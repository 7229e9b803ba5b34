// config.json, under Hugging Face's names, to and from ModelConfig; and the list of parameters that
// a configuration implies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/model_config.h"

namespace medgen::bundle {

enum class StorageType { kFloat32, kFloat16 };  // of parameters on disk

struct ParameterSpec {
  std::string name;
  std::vector<std::int64_t> shape;
};

// Every parameter of the model, in a fixed order and under the names a bundle uses. Matrices of the
// blocks are stored [in, out], as Hugging Face's Conv1D does; "lm_head.weight" is there only when
// the output is not tied to the embedding.
std::vector<ParameterSpec> parameter_specs(const ModelConfig& config);

// Reads and validates. `source` names the text in messages. Throws Error(kModel) naming the key,
// its value and what is allowed.
ModelConfig parse_config(std::string_view text, const std::string& source);
ModelConfig read_config(const std::filesystem::path& config_json);

// The text of a config.json that both `transformers` and parse_config() can read.
std::string config_to_json(const ModelConfig& config);

}  // namespace medgen::bundle
