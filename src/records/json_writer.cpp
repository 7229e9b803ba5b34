// A prompt's completions as one line of JSON; the order of the keys is part of the format.
// Must not know of terminals or of how text is made.
#include "records/json_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/settings.h"
#include "medgen/version.h"
#include "safety/notice.h"
#include "text/utf8.h"

namespace medgen::records {
namespace {

using Json = nlohmann::ordered_json;

Json sampling_json(const Request& request) {
  return engine::settings_json({request.sampling, request.stopping, request.num_return_sequences});
}

Json alternative_json(const TokenAlternative& token, const Tokenizer& tokenizer) {
  Json json{{"id", token.token},
            {"text", text::replace_invalid_utf8(tokenizer.token_bytes(token.token))},
            {"logprob", token.logprob}};
  json["processed_logprob"] = token.processed_logprob ? Json(*token.processed_logprob) : Json();
  return json;
}

Json logprobs_json(const TokenLogprobs& token, const Tokenizer& tokenizer) {
  Json json = alternative_json(token.chosen, tokenizer);
  json["entropy"] = token.entropy;
  json["top"] = Json::array();
  for (const TokenAlternative& other : token.alternatives) {
    json["top"].push_back(alternative_json(other, tokenizer));
  }
  return json;
}

}  // namespace

Json completion_json(const Completion& completion, const Tokenizer* tokenizer) {
  Json json{{"index", completion.index},
            {"text", completion.text},
            {"finish_reason", to_string(completion.finish_reason)},
            {"num_tokens", completion.num_tokens},
            {"logprob", completion.logprob}};
  if (completion.beam_score) json["beam_score"] = *completion.beam_score;
  if (tokenizer != nullptr && !completion.logprobs.empty()) {
    json["logprobs"] = Json::array();
    for (const TokenLogprobs& token : completion.logprobs) {
      json["logprobs"].push_back(logprobs_json(token, *tokenizer));
    }
  }
  return json;
}

Json provenance_json(const Provenance& provenance) {
  return Json{{"medgen", std::string(version())},
              {"model", Json{{"name", provenance.model_name}, {"sha256", provenance.model_sha256}}},
              {"backend", provenance.backend.name},
              {"precision", provenance.backend.precision},
              {"seed", provenance.request.sampling.seed},
              {"sampling", sampling_json(provenance.request)},
              {"key", provenance.request.id},
              {"prompt_tokens", provenance.request.prompt.size()}};
}

JsonWriter::JsonWriter(std::string prompt, Provenance provenance)
    : prompt_(std::move(prompt)), provenance_(std::move(provenance)) {}

void JsonWriter::on_finish(std::uint64_t, const Completion& completion) {
  completions_.push_back(completion);
}

std::string JsonWriter::record() {
  std::sort(completions_.begin(), completions_.end(),
            [](const Completion& a, const Completion& b) { return a.index < b.index; });
  Json json;
  json["id"] = provenance_.request.id;
  json["prompt"] = prompt_;
  json["completions"] = Json::array();
  for (const Completion& completion : completions_) {
    json["completions"].push_back(completion_json(completion, provenance_.tokenizer));
  }
  json["provenance"] = provenance_json(provenance_);
  json["generated"] = true;
  json["notice"] = safety::notice();
  return json.dump() + "\n";
}

}  // namespace medgen::records
