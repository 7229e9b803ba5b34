// Which model the user means, and what the commands need to know of it before libtorch is loaded.
// Must not know what is done with it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "medgen/backend.h"
#include "medgen/bundle.h"
#include "medgen/tokenizer.h"

namespace medgen::cli {

struct Model {
  std::string name;
  std::string sha256;  // of model_pt
  std::filesystem::path model_pt;
  ModelConfig config;           // for a foreign model only what its config.json says
  GenerationDefaults defaults;  // empty for a foreign model
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<TokenId> prompt_prefix;  // see Bundle::prompt_prefix()
  bool foreign = false;                  // a TorchScript file that is no bundle
};

// A bundle, or a .pt file with the tokenizer that belongs to it; without `path` the default model.
// Throws Error(kModel) for what cannot be used, Error(kUsage) for a combination that makes no
// sense.
Model open_model(const std::optional<std::string>& path,
                 const std::optional<std::string>& tokenizer);

// The model that comes with medgen: installed beside the program, or in the source tree for a
// program that runs from its build folder. Throws Error(kModel) that says where it was looked for.
std::filesystem::path default_model();

// Loads libtorch and the model. Throws Error(kModel) if the tokenizer has ids that the model has
// not.
std::unique_ptr<Backend> open_backend(const Model& model, const std::string& device, int threads);

}  // namespace medgen::cli
