// See explain.h.
#include "engine/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/json.h"
#include "base/refuse.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

using Json = nlohmann::ordered_json;

using base::refuse;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

std::vector<TokenId> read_ids(const Json& object, const char* name) {
  std::vector<TokenId> ids;
  if (!object.contains(name)) return ids;
  const Json& list = object[name];
  if (!list.is_array()) refuse(std::string(name) + " is not a list; give a list of token ids");
  for (const Json& item : list) {
    const bool whole = item.is_number_unsigned() && item.get<std::uint64_t>() < 1U << 31U;
    if (!whole) {
      refuse(fmt::format("{} holds {}; token ids are whole numbers from 0", name,
                         item.is_number() ? item.dump() : item.type_name()));
    }
    ids.push_back(item.get<TokenId>());
  }
  return ids;
}

// Python's json writes -Infinity, which JSON does not have. As a string of the same length it moves
// nothing else.
std::string with_infinity_quoted(std::string line) {
  constexpr std::string_view kBare = "-Infinity", kQuoted = "\"-inf\"   ";
  if (line.find(kBare) == std::string::npos) return line;
  bool in_string = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') in_string = !in_string;
    if (in_string && line[i] == '\\') ++i;
    if (!in_string && line.compare(i, kBare.size(), kBare) == 0) {
      line.replace(i, kBare.size(), kQuoted);
      i += kBare.size() - 1;
    }
  }
  return line;
}

// What a token without any chance may have in place of a number.
bool is_minus_infinity(const Json& item) {
  return item.is_null() || item == "-inf" || item == "-Infinity";
}

std::vector<float> read_logits(const Json& list, const char* name) {
  if (!list.is_array() || list.empty()) {
    refuse(std::string(name) +
           " is not a list of numbers; it must hold one for each token of the "
           "vocabulary");
  }
  std::vector<float> logits;
  logits.reserve(list.size());
  for (const Json& item : list) {
    if (is_minus_infinity(item)) {
      logits.push_back(kMinusInfinity);
      continue;
    }
    const float value = item.is_number() ? item.get<float>() : std::nanf("");
    if (!std::isfinite(value)) {
      refuse(
          fmt::format("{}[{}] is {}; it must be a finite number that float32 can hold, or "
                      "null, -Infinity or \"-inf\" for a token without any chance",
                      name, logits.size(), item.is_number() ? item.dump() : item.type_name()));
    }
    logits.push_back(value);
  }
  if (std::all_of(logits.begin(), logits.end(), [](float x) { return x == kMinusInfinity; })) {
    refuse(std::string(name) + " leaves no token any chance; at least one must be a number");
  }
  return logits;
}

void check_ids(const std::vector<TokenId>& ids, const char* name, std::size_t vocab_size) {
  for (const TokenId id : ids) {
    if (static_cast<std::size_t>(id) >= vocab_size) {
      refuse(
          fmt::format("{} holds the token id {}; ids go from 0 to {}", name, id, vocab_size - 1));
    }
  }
}

// Steps that would silently do nothing because an input is missing.
void check_needs(const ExplainRequest& request, const Tokenizer* tokenizer, bool eos) {
  const SamplingParams& p = request.settings.sampling;
  if (tokenizer == nullptr && (!p.bad_words_texts.empty() || !p.negative_prompt.empty())) {
    refuse(
        "the settings hold texts, but there is no tokenizer: name a model with `model`, or give "
        "token ids");
  }
  const bool wants_eos =
      p.min_length > 0 || p.min_new_tokens > 0 || p.exponential_decay_length_penalty;
  if (wants_eos && !eos) {
    refuse(
        "a setting about the end of the text is given, but no end-of-text token: set "
        "eos_token_id");
  }
  if (p.num_beams > 1) {
    refuse(
        fmt::format("num_beams is {}; explain shows what one draw chooses from, and beam search "
                    "chooses among all beams: leave it out",
                    p.num_beams));
  }
}

// Where only the other row rules a token out, guidance would subtract infinity from infinity.
void check_guidance_rows(const ExplainRequest& request) {
  if (!request.logits || request.logits->size() != request.unconditional.size()) return;
  for (std::size_t i = 0; i < request.unconditional.size(); ++i) {
    if (request.unconditional[i] == kMinusInfinity && (*request.logits)[i] != kMinusInfinity) {
      refuse(
          fmt::format("unconditional_logits[{}] is -inf and logits[{}] is not; guidance has no "
                      "value there: give a number",
                      i, i));
    }
  }
}

}  // namespace

ExplainRequest parse_explain_request(const std::string& text) {
  const std::string line = with_infinity_quoted(text);
  const Json object = base::parse_json<Json>(line);
  if (object.is_discarded()) refuse("the line is " + base::json_fault(line, "not JSON"));
  if (!object.is_object()) {
    refuse("the line is not a JSON object such as {\"prompt_ids\":[...],\"settings\":{...}}");
  }
  static const std::set<std::string> kFields = {"prompt_ids", "generated_ids", "settings", "logits",
                                                "unconditional_logits"};
  for (const auto& [name, value] : object.items()) {
    if (!kFields.contains(name)) {
      refuse("unknown field \"" + name.substr(0, 60) +
             "\"; a line has prompt_ids, generated_ids, settings, logits and unconditional_logits");
    }
  }
  ExplainRequest request;
  request.settings = make_settings(
      object.contains("settings") ? object["settings"] : Json::object(), neutral_settings());
  request.prompt = read_ids(object, "prompt_ids");
  request.generated = read_ids(object, "generated_ids");
  if (object.contains("logits")) request.logits = read_logits(object["logits"], "logits");
  if (object.contains("unconditional_logits")) {
    request.unconditional = read_logits(object["unconditional_logits"], "unconditional_logits");
    if (request.logits && request.logits->size() != request.unconditional.size()) {
      refuse(fmt::format(
          "unconditional_logits holds {} numbers and logits {}; they must be equally many",
          request.unconditional.size(), request.logits->size()));
    }
  }
  if (request.prompt.empty() && !request.logits) {
    refuse(
        "the line has neither prompt_ids nor logits; give at least one token, or a row of logits");
  }
  return request;
}

DecodingContext explain_context(const ExplainRequest& request, std::size_t vocab_size,
                                const Tokenizer* tokenizer, std::vector<TokenId>& eos) {
  const StoppingParams& stopping = request.settings.stopping;
  check_ids(request.prompt, "prompt_ids", vocab_size);
  check_ids(request.generated, "generated_ids", vocab_size);
  check_token_ids(request.settings.sampling, stopping, static_cast<int>(vocab_size));
  eos = stopping.eos_token_id;
  if (eos.empty() && tokenizer != nullptr && tokenizer->eos_id()) eos = {*tokenizer->eos_id()};
  check_needs(request, tokenizer, !eos.empty());
  if (request.settings.sampling.guidance_scale != 1) check_guidance_rows(request);
  DecodingContext context;
  context.prompt = request.prompt;
  context.generated = request.generated;
  context.eos = eos;
  context.max_length = stopping.max_new_tokens
                           ? static_cast<int>(request.prompt.size()) + *stopping.max_new_tokens
                           : stopping.max_length;
  context.tokenizer = tokenizer;
  context.mirostat_mu = 2 * request.settings.sampling.mirostat_tau;
  context.unconditional = request.unconditional;
  return context;
}

Json explain(Sampler& sampler, std::span<const float> logits, const SamplingParams& params,
             const DecodingContext& context) {
  Json stages = Json::array();
  Candidates& left =
      sampler.distribution(logits, params, context,
                           [&](std::string_view name, std::size_t kept, double mass, Candidates&) {
                             stages.push_back({{"name", name}, {"kept", kept}, {"mass", mass}});
                           });
  Json kept = Json::array();
  Json probs = Json::array();
  for (std::size_t i = 0; i < left.size(); ++i) {
    kept.push_back(left.id(i));
    probs.push_back(left.probability(i));
  }
  return Json{
      {"kept", std::move(kept)}, {"probs", std::move(probs)}, {"stages", std::move(stages)}};
}

}  // namespace medgen::engine
