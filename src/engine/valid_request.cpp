// See the header. What is wrong with the settings is said before what is wrong with the prompt.
#include "engine/valid_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/refuse.h"
#include "engine/search.h"
#include "engine/sequence.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

void settle_texts(SamplingParams& sampling, const StoppingParams& stopping,
                  const Tokenizer& tokenizer) {
  resolve_texts(sampling, tokenizer);
  check_token_ids(sampling, stopping, tokenizer.vocab_size());
}

// Checked as given before texts become ids: afterwards nobody can tell whether both were given.
void settle(SamplingParams& sampling, const StoppingParams& stopping, int n,
            const Tokenizer& tokenizer) {
  validate(sampling);
  validate(stopping);
  check_sequence_count(n, sampling.num_beams);
  settle_texts(sampling, stopping, tokenizer);
}

void check_prompt(const Request& request, const std::function<std::string()>& name,
                  const BackendInfo& model, const Tokenizer& tokenizer) {
  const std::size_t length = request.prompt.size();
  if (length == 0) {
    base::refuse(name() + " has no tokens; it needs at least one, BOS or EOS for instance");
  }
  if (length > static_cast<std::size_t>(model.n_positions)) {
    base::refuse(
        fmt::format("{} is {} tokens long, the model's context only {}; shorten it, or "
                    "keep its end with `truncate_prompt`",
                    name(), length, model.n_positions));
  }
  if (new_token_limit(request) < 1) {
    base::refuse(
        fmt::format("{} is {} tokens long and max-length, which counts them, is {}; raise "
                    "`max_length` above {} or set `max_new_tokens`",
                    name(), length, request.stopping.max_length, length));
  }
  const auto unknown = [&](TokenId id) { return id < 0 || id >= tokenizer.vocab_size(); };
  if (std::any_of(request.prompt.begin(), request.prompt.end(), unknown)) {
    check_prompt_ids(request.prompt, name(), tokenizer.vocab_size());
  }
}

void check_fit(const Request& request, const PromptName& prompt_name, const BackendInfo& model,
               const Tokenizer& tokenizer) {
  const std::vector<Request> parts = split_variants(request);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    check_search(parts[i], model);
    check_prompt(
        parts[i], [&] { return prompt_name(i); }, model, tokenizer);
  }
}

}  // namespace

ValidSettings check_settings(const SettingsJson& given, const DecodingSettings& defaults,
                             const Tokenizer& tokenizer) {
  DecodingSettings settings = defaults;
  if (given.empty()) {
    validate(settings);
  } else {
    settings = make_settings(given, defaults);
  }
  settle_texts(settings.sampling, settings.stopping, tokenizer);
  return ValidSettings(std::move(settings));
}

ValidRequest check_request(Request&& request, const PromptName& name, const BackendInfo& model,
                           const Tokenizer& tokenizer) {
  if (request.variants.empty()) {
    settle(request.sampling, request.stopping, request.num_return_sequences, tokenizer);
  }
  for (DecodingSettings& variant : request.variants) {
    settle(variant.sampling, variant.stopping, variant.num_return_sequences, tokenizer);
  }
  check_fit(request, name, model, tokenizer);
  return ValidRequest(std::move(request));
}

ValidRequest check_request(const ValidSettings& settings, Request&& request, const PromptName& name,
                           const BackendInfo& model, const Tokenizer& tokenizer) {
  request.num_return_sequences = settings->num_return_sequences;
  request.sampling = settings->sampling;
  request.stopping = settings->stopping;
  request.variants.clear();
  check_fit(request, name, model, tokenizer);
  return ValidRequest(std::move(request));
}

}  // namespace medgen::engine
