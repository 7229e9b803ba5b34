// See the header.
#include "jobs/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <numeric>

#include "base/refuse.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

using Json = nlohmann::ordered_json;
using base::refuse;

std::vector<TokenId> joined(std::vector<TokenId> first, const std::vector<TokenId>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Json error_json(const char* code, const std::string& message) {
  return Json{{"error", {{"code", code}, {"message", message}}}};
}

std::vector<std::pair<TokenId, double>> top_of(engine::Candidates& c, std::size_t n) {
  std::vector<std::size_t> order(c.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  n = std::min(n, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return c.logit(a) != c.logit(b) ? c.logit(a) > c.logit(b) : a < b;
                    });
  std::vector<std::pair<TokenId, double>> top;
  for (std::size_t i = 0; i < n; ++i) top.emplace_back(c.id(order[i]), c.probability(order[i]));
  return top;
}

}  // namespace

const ModelFiles& Explainer::model() {
  if (!model_) model_ = open_model(asked_.model, asked_.tokenizer);
  return *model_;
}

// Logits after the last of `ids`: as wide as the tokenizer.
std::vector<float> Explainer::logits(const std::vector<TokenId>& ids) {
  model();
  if (!backend_) {
    auto backend = open_backend(*model_, asked_.backend);
    if (asked_.loaded) asked_.loaded();
    backend_ = std::move(backend);
  }
  const BackendInfo& info = backend_->info();
  const int vocab = model_->tokenizer->vocab_size();
  if (ids.size() > static_cast<std::size_t>(info.n_positions)) {
    refuse(fmt::format("the context is {} tokens long, the model's only {}; shorten it", ids.size(),
                       info.n_positions));
  }
  for (const TokenId id : ids) {
    if (id >= vocab) {
      refuse(fmt::format("the context holds the token id {}; ids go from 0 to {}", id, vocab - 1));
    }
  }
  std::vector<Row> rows;
  const int slot = backend_->acquire_slot();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    rows.push_back({slot, ids[i], static_cast<int>(i), i + 1 == ids.size()});
  }
  const auto row = backend_->step(rows);
  std::vector<float> logits(row.begin(), row.begin() + vocab);
  backend_->release_slot(slot);
  return logits;
}

// Fills in what the request takes from a model. The tokenizer is null if none is needed.
const Tokenizer* Explainer::complete(engine::ExplainRequest& request, bool model_named) {
  const Tokenizer* tokenizer = nullptr;
  if (model_named || !request.logits) tokenizer = model().tokenizer.get();
  if (tokenizer != nullptr) engine::resolve_texts(request.settings.sampling, *tokenizer);
  if (!request.logits) {
    const SamplingParams& p = request.settings.sampling;
    request.logits = logits(joined(request.prompt, request.generated));
    if (p.guidance_scale != 1 && request.unconditional.empty()) {
      std::vector<TokenId> negative = p.negative_prompt_ids;
      if (negative.empty()) negative = {request.prompt.back()};
      request.unconditional = logits(joined(std::move(negative), request.generated));
    }
  } else if (tokenizer != nullptr &&
             request.logits->size() != static_cast<std::size_t>(tokenizer->vocab_size())) {
    refuse(fmt::format("logits holds {} numbers; the model's vocabulary has {}",
                       request.logits->size(), tokenizer->vocab_size()));
  }
  if (request.settings.sampling.guidance_scale != 1 &&
      request.unconditional.size() != request.logits->size()) {
    refuse(
        "guidance_scale is set and the line has its own logits: give "
        "as many unconditional_logits, too");
  }
  return tokenizer;
}

Json Explainer::answer(const std::string& line) {
  try {
    engine::ExplainRequest request = engine::parse_explain_request(line);
    const Tokenizer* tokenizer = complete(request, asked_.model.has_value());
    if (tokenizer != nullptr && request.settings.stopping.eos_token_id.empty()) {
      request.settings.stopping.eos_token_id =
          engine::settings_for(Json::object(), model().defaults).stopping.eos_token_id;
    }
    std::vector<TokenId> eos;
    const engine::DecodingContext context =
        engine::explain_context(request, request.logits->size(), tokenizer, eos);
    return engine::explain(sampler_, *request.logits, request.settings.sampling, context);
  } catch (const Error& error) {
    const ErrorCode code = error.code();
    return error_json(code == ErrorCode::kUsage   ? "invalid_request"
                      : code == ErrorCode::kModel ? "model"
                                                  : "failed",
                      asked_.wording ? asked_.wording(error.what()) : error.what());
  } catch (const std::bad_alloc&) {
    return error_json("failed", "not enough memory for this line");
  }
}

std::vector<TokenId> Explainer::tokens(const std::string& prompt, Specials specials) {
  return prompt_tokens(model(), prompt, specials);
}

Explanation Explainer::explain(std::vector<TokenId> prompt, const engine::SettingsJson& given,
                               std::size_t top) {
  engine::ExplainRequest request;
  engine::ModelDefaults defaults = model().defaults;
  defaults.settings.erase("num_beams");  // what a draw chooses from is shown
  request.settings = engine::settings_for(given, defaults, engine::NameStyle::kFlags);
  engine::check_prompt_ids(prompt, "the prompt", model().tokenizer->vocab_size());
  request.prompt = std::move(prompt);
  const Tokenizer* tokenizer = complete(request, true);
  std::vector<TokenId> eos;
  const engine::DecodingContext context =
      engine::explain_context(request, request.logits->size(), tokenizer, eos);
  engine::Candidates all;
  all.assign(*request.logits, *std::max_element(request.logits->begin(), request.logits->end()));
  Explanation result;
  result.stages = {{"model", all.size(), 1, top_of(all, top)}};
  engine::Candidates& left = sampler_.distribution(
      *request.logits, request.settings.sampling, context,
      [&](std::string_view name, std::size_t kept, double mass, engine::Candidates& c) {
        result.stages.push_back({std::string(name), kept, mass, top_of(c, top)});
      });
  for (std::size_t i = 0; i < left.size(); ++i) {
    result.kept.emplace_back(left.id(i), left.probability(i));
  }
  result.prompt = std::move(request.prompt);
  result.settings = std::move(request.settings);
  return result;
}

}  // namespace medgen::jobs
