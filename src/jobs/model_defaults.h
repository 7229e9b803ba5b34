// Where a model's defaults for generating come from: its generation_config.json or, in older
// folders, its config.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/model_defaults.h"
#include "medgen/bundle.h"

namespace medgen::jobs {

// What a checkpoint's folder sets, as the text of one generation_config.json.
struct GenerationConfig {
  std::string text;                // empty if it sets nothing
  std::string source;              // the file that it is from
  std::vector<std::string> notes;  // what else a file of the folder says, a sentence each
};

// generation_config.json as it is; without one, what config.json sets otherwise than transformers
// does. Throws Error(kModel) for a value that is not allowed.
GenerationConfig generation_config_of(const std::filesystem::path& folder);

// Throw Error(kModel) for a value that is not allowed.
engine::ModelDefaults model_defaults(const Bundle& bundle);
engine::ModelDefaults model_defaults(const std::filesystem::path& folder, const ModelConfig& config,
                                     const Tokenizer& tokenizer);

}  // namespace medgen::jobs
