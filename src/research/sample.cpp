// Samples from the records that medgen writes, and from plain ones.
#include "research/sample.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "medgen/error.h"

namespace medgen::research {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorCode::kRuntime, what); }

const Json* find(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string text_of(const Json& object, const char* key, const std::string& otherwise = {}) {
  const Json* value = find(object, key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) fail(std::string("\"") + key + "\" is not a string");
  return value->get<std::string>();
}

// An id may be a number too.
std::string id_of(const Json& object, const char* key, const std::string& otherwise) {
  const Json* value = find(object, key);
  if (value == nullptr) return otherwise;
  return value->is_string() ? value->get<std::string>() : value->dump();
}

std::optional<double> number_of(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    fail(std::string("\"") + key + "\" is not a number");
  }
  return value->get<double>();
}

int count_of(const Json& object, const char* key, int otherwise) {
  const auto value = number_of(object, key);
  if (!value) return otherwise;
  if (*value < 0 || *value > 1e9 || *value != std::floor(*value)) {
    fail(std::string("\"") + key + "\" is not a whole number from 0 to 10^9");
  }
  return static_cast<int>(*value);
}

std::vector<TokenId> tokens_of(const Json& object) {
  std::vector<TokenId> tokens;
  const Json* ids = find(object, "tokens");
  if (ids == nullptr) return tokens;
  if (!ids->is_array()) fail("\"tokens\" is not an array of token ids");
  for (const Json& id : *ids) {
    const bool fits = id.is_number_integer() && id >= 0 && id <= 0x7fffffff;
    if (!fits) fail("\"tokens\" holds something that is not a token id");
    tokens.push_back(id.get<TokenId>());
  }
  return tokens;
}

// The output of --logprobs holds the tokens and their entropies too.
void add_logprobs(const Json& object, Sample& sample) {
  const Json* all = find(object, "logprobs");
  if (all == nullptr || !all->is_array() || all->empty()) return;
  double entropy = 0;
  std::vector<TokenId> tokens;
  for (const Json& token : *all) {
    const Json* id = token.is_object() ? find(token, "id") : nullptr;
    const auto nats = token.is_object() ? number_of(token, "entropy") : std::nullopt;
    if (id == nullptr || !id->is_number_integer() || !nats) return;  // from another program
    tokens.push_back(id->get<TokenId>());
    entropy += *nats;
  }
  if (sample.tokens.empty()) sample.tokens = tokens;
  if (!sample.mean_entropy) sample.mean_entropy = entropy / static_cast<double>(tokens.size());
}

// The members that a text has everywhere.
void add_text(const Json& object, Sample& sample) {
  if (find(object, "text") == nullptr) fail("a text without \"text\"");
  sample.text = text_of(object, "text");
  sample.index = count_of(object, "index", sample.index);
  sample.finish_reason = text_of(object, "finish_reason");
  sample.tokens = tokens_of(object);
  sample.logprob = number_of(object, "logprob");
  sample.mean_entropy = number_of(object, "mean_entropy");
  add_logprobs(object, sample);
  sample.num_tokens = count_of(object, "num_tokens", static_cast<int>(sample.tokens.size()));
  if (!sample.tokens.empty() &&
      sample.tokens.size() != static_cast<std::size_t>(sample.num_tokens)) {
    fail("\"num_tokens\" is " + std::to_string(sample.num_tokens) + " but there are " +
         std::to_string(sample.tokens.size()) + " tokens");
  }
  if (sample.num_tokens == 0 && (sample.logprob.value_or(0) != 0 || sample.mean_entropy)) {
    fail("\"logprob\" or \"mean_entropy\" without \"num_tokens\"");
  }
}

const Json& array_of(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_array()) fail(std::string("\"") + key + "\" is not a list");
  return *value;
}

}  // namespace

std::vector<Sample> samples_of(const Json& record, const std::string& setting,
                               const std::string& id) {
  if (!record.is_object()) fail("not a JSON object");
  if (find(record, "error") != nullptr) return {};
  Sample common;
  common.setting = text_of(record, "setting", setting);
  common.prompt_id = id_of(record, "custom_id", id_of(record, "id", id));
  common.prompt = text_of(record, "prompt");
  std::vector<Sample> samples;
  const auto add_all = [&](const Json& objects) {
    for (const Json& object : objects) {
      if (!object.is_object()) fail("a completion is not a JSON object");
      Sample& sample = samples.emplace_back(common);
      sample.index = static_cast<int>(samples.size()) - 1;
      add_text(object, sample);
    }
  };
  if (record.contains("completions")) {
    add_all(array_of(record, "completions"));
  } else if (const Json* response = find(record, "response")) {
    const Json* body = response->is_object() ? find(*response, "body") : nullptr;
    if (body == nullptr || !body->is_object()) fail("\"response\" has no \"body\"");
    add_all(array_of(*body, "choices"));
  } else if (record.contains("text")) {
    add_text(record, samples.emplace_back(common));
  } else {
    fail(
        "neither \"completions\" nor \"text\": expected what medgen batch writes, or "
        "{\"text\": \"...\"}");
  }
  return samples;
}

}  // namespace medgen::research
