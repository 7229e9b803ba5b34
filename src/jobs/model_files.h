// Which model the user means, and what the commands need to know of it before libtorch is loaded.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_defaults.h"
#include "medgen/backend.h"
#include "medgen/backend_options.h"
#include "medgen/bundle.h"
#include "medgen/params.h"
#include "medgen/tokenizer.h"
#include "wiring/faithfulness.h"
#include "wiring/open_backend.h"

namespace medgen::jobs {

struct ModelFiles {
  std::string name;
  std::string sha256;  // of model_pt
  std::filesystem::path model_pt;
  std::filesystem::path folder;  // of the bundle; empty for a lone TorchScript file
  std::string auto_precision;    // what the bundle's manifest says; may be empty
  std::string probe_text;        // the bundle's own; may be empty
  ModelConfig config;            // of a file that is not a GPT-2, only what is known
  engine::ModelDefaults defaults;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<TokenId> prompt_prefix;  // see Bundle::prompt_prefix()
  std::function<void()> verify;          // of model_pt's checksum, before it is read
  std::string not_gpt2;                  // see ModelSource::not_gpt2
  Templates templates;                   // see Bundle::templates()
  bool installed = false;                // see ModelSource::installed
};

// A bundle, a Hugging Face folder (see converted.h), or a .pt file with the tokenizer that belongs
// to it; without `path` the default model. Throws Error(kModel) for unusable models, Error(kUsage)
// for a combination that makes no sense.
ModelFiles open_model(const std::optional<std::string>& path,
                      const std::optional<std::string>& tokenizer);

// The model that comes with medgen: installed beside the program, or in the source tree for a
// program that runs from its build folder. Throws Error(kModel) that says where it was looked for.
std::filesystem::path default_model();

wiring::ModelSource source_of(const ModelFiles& model);

// Opens the back end that the options ask for. Throws Error(kModel) if the tokenizer has ids that
// the model does not have.
std::unique_ptr<Backend> open_backend(const ModelFiles& model, const BackendOptions& options);

// See Model::prompt_tokens().
std::vector<TokenId> prompt_tokens(const ModelFiles& model, std::string_view prompt,
                                   Specials specials = Specials::kAsText);

// How many of a prompt's last tokens to keep when --truncate-prompt was given: all of them when
// they fit the context and max_length; else as many as leave room for max_new_tokens (at least half
// the context is kept), or half of what may be filled when that is not set.
int kept_prompt_tokens(int prompt_tokens, int n_positions, const StoppingParams& stopping);

// Finds the fastest faithful precision of the bundle in `directory`, writes it into its manifest
// and says so; leaves that precision's packed weights beside it. `progress` may throw to stop it.
void settle_precision(const std::filesystem::path& directory,
                      const std::function<void(const std::string&)>& note,
                      const wiring::PrecisionProgress& progress = {});

}  // namespace medgen::jobs
