// What decoding settings do to one row of logits, step by step, as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "medgen/params.h"

namespace medgen::engine {

// {"prompt_ids":[...], "generated_ids":[...], "settings":{...}, "logits":[...]}: all but one of
// prompt_ids and logits may be omitted. Settings override neutral_settings(). Among logits, null,
// -Infinity and "-inf" are minus infinity.
struct ExplainRequest {
  std::vector<TokenId> prompt, generated;
  std::optional<std::vector<float>> logits;  // [vocab]
  std::vector<float> unconditional;          // [vocab] or empty: "unconditional_logits"
  DecodingSettings settings;
};

// Throws Error(kUsage) for anything else; names the field and what is allowed.
ExplainRequest parse_explain_request(const std::string& text);

// As sampling would see it. Throws Error(kUsage) for ids outside the vocabulary and for settings
// that need something missing (a tokenizer, an EOS).
DecodingContext explain_context(const ExplainRequest& request, std::size_t vocab_size,
                                const Tokenizer* tokenizer, std::vector<TokenId>& eos);

// {"kept":[ids ascending],"probs":[...],"stages":[{"name","kept","mass"},...]}. XTC is shown as if
// triggered; Mirostat at the first token.
nlohmann::ordered_json explain(Sampler& sampler, std::span<const float> logits,
                               const SamplingParams& params, const DecodingContext& context);

}  // namespace medgen::engine
