// How settings turn a model's next-token distribution into what is drawn from: of a prompt, step by
// step, and of the lines of a program.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/explain.h"
#include "engine/settings.h"
#include "jobs/model_files.h"

namespace medgen::jobs {

struct ExplainAsked {
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;
  // Called once the model is loaded.
  std::function<void()> loaded = {};
  // How the messages of errors in answers name settings.
  std::function<std::string(const std::string& message)> wording;
};

// A step: what it leaves.
struct ExplainStage {
  std::string name;
  std::size_t kept = 0;  // tokens
  double mass = 1;       // probability, before it is shared out again
  std::vector<std::pair<TokenId, double>> top;
};

struct Explanation {
  std::vector<TokenId> prompt;
  DecodingSettings settings;
  std::vector<ExplainStage> stages;              // the first is the model's own distribution
  std::vector<std::pair<TokenId, double>> kept;  // what is drawn from
};

// The model is opened when something first needs it.
class Explainer {
 public:
  explicit Explainer(ExplainAsked asked) : asked_(std::move(asked)) {}

  const ModelFiles& model();

  // The tokens of a text prompt.
  std::vector<TokenId> tokens(const std::string& prompt, Specials specials);

  // Of the token after `prompt`; `given` are the settings that were set, `top` is how many tokens
  // each stage names.
  Explanation explain(std::vector<TokenId> prompt, const engine::SettingsJson& given,
                      std::size_t top);

  // Of a line of JSON, see engine/explain.h. What cannot be answered gives {"error"}.
  nlohmann::ordered_json answer(const std::string& line);

 private:
  std::vector<float> logits(const std::vector<TokenId>& ids);
  const Tokenizer* complete(engine::ExplainRequest& request, bool model_named);

  ExplainAsked asked_;
  std::optional<ModelFiles> model_;
  std::unique_ptr<Backend> backend_;
  engine::Sampler sampler_;
};

}  // namespace medgen::jobs
