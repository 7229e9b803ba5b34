// The texts of a record, whoever wrote it: where each program puts them, and what it says of them.
#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "records/members.h"
#include "records/reader.h"

namespace medgen::records {
namespace {

// The output of --logprobs holds the tokens and their entropies too.
void add_logprobs(const Json& object, RecordedText& read) {
  const Json* all = find_member(object, "logprobs");
  if (all == nullptr || !all->is_array() || all->empty()) return;
  double entropy = 0;
  std::vector<TokenId> tokens;
  for (const Json& token : *all) {
    const Json* id = token.is_object() ? find_member(token, "id") : nullptr;
    const auto nats = token.is_object() ? number_member(token, "entropy") : std::nullopt;
    if (id == nullptr || !id->is_number_integer() || !nats) return;  // from another program
    tokens.push_back(token_of(*id));
    entropy += *nats;
  }
  if (read.tokens.empty()) read.tokens = tokens;
  if (!read.mean_entropy) read.mean_entropy = entropy / static_cast<double>(tokens.size());
}

// Of the tokens, one after another: nothing if any is missing, as the first is where a prompt was
// echoed.
void add_sum(const Json& all, const char* member, RecordedText& read) {
  if (!all.is_array() || all.empty()) return;
  double sum = 0;
  for (const Json& token : all) {
    const Json* one = member == nullptr   ? &token
                      : token.is_object() ? find_member(token, member)
                                          : nullptr;
    if (one == nullptr || !one->is_number() || !std::isfinite(one->get<double>())) return;
    sum += one->get<double>();
  }
  if (read.num_tokens != 0 && all.size() != static_cast<std::size_t>(read.num_tokens)) return;
  read.logprob = sum;
  read.num_tokens = static_cast<int>(all.size());
}

// "token_logprobs", by itself or within "logprobs" as OpenAI's completions have it; and what its
// chats have there: {"content": [{"logprob"}, ...]}.
void add_token_logprobs(const Json& object, RecordedText& read) {
  if (const Json* all = find_member(object, "token_logprobs")) add_sum(*all, nullptr, read);
  const Json* logprobs = find_member(object, "logprobs");
  if (read.logprob || logprobs == nullptr || !logprobs->is_object()) return;
  if (const Json* all = find_member(*logprobs, "token_logprobs")) add_sum(*all, nullptr, read);
  if (read.logprob) return;
  if (const Json* all = find_member(*logprobs, "content")) add_sum(*all, "logprob", read);
}

// What transformers' pipelines give: {"generated_text"}, with the prompt in front unless they were
// told otherwise.
void add_generated_text(const Json& text, const std::string& prompt, RecordedText& read) {
  if (!text.is_string()) {
    refuse_record("\"generated_text\" is not a string, nor a list of strings");
  }
  read.text = text.get<std::string>();
  if (!prompt.empty() && read.text.starts_with(prompt)) read.text.erase(0, prompt.size());
}

// Of a choice of a chat it is the message's.
const Json& text_holder(const Json& object, const char*& key) {
  key = "text";
  if (find_member(object, key) != nullptr) return object;
  const Json* message = find_member(object, "message");
  key = "content";
  if (message != nullptr && message->is_object() && find_member(*message, key) != nullptr) {
    return *message;
  }
  refuse_record("a text without \"text\"");
}

// The members that a text has everywhere, and those of vLLM's own outputs.
void add_text(const Json& object, RecordedText& read) {
  const char* key = nullptr;
  const Json& holder = text_holder(object, key);
  read.text = text_member(holder, key);
  read.index = count_member(object, "index", read.index);
  read.finish_reason = text_member(object, "finish_reason");
  read.tokens = tokens_of(object);
  if (read.tokens.empty()) read.tokens = tokens_of(object, "token_ids");
  read.logprob = number_member(object, "logprob");
  if (!read.logprob) read.logprob = number_member(object, "cumulative_logprob");
  read.mean_entropy = number_member(object, "mean_entropy");
  add_logprobs(object, read);
  read.num_tokens = count_member(object, "num_tokens", static_cast<int>(read.tokens.size()));
  if (!read.logprob) add_token_logprobs(object, read);
  if (!read.tokens.empty() && read.tokens.size() != static_cast<std::size_t>(read.num_tokens)) {
    refuse_record(fmt::format("\"num_tokens\" is {} but there are {} tokens", read.num_tokens,
                              read.tokens.size()));
  }
  if (read.num_tokens == 0 && (read.logprob.value_or(0) != 0 || read.mean_entropy)) {
    refuse_record("\"logprob\" or \"mean_entropy\" without \"num_tokens\"");
  }
}

std::vector<RecordedText> texts_of_list(const Json& object, const char* key) {
  const Json* list = find_member(object, key);
  if (list == nullptr || !list->is_array()) {
    refuse_record(std::string("\"") + key + "\" is not a list");
  }
  std::vector<RecordedText> texts;
  for (const Json& one : *list) {
    if (!one.is_object()) refuse_record("a completion is not a JSON object");
    RecordedText& text = texts.emplace_back();
    text.index = static_cast<int>(texts.size()) - 1;
    add_text(one, text);
  }
  return texts;
}

// A text, or those of one prompt in a list.
std::vector<RecordedText> generated_texts(const Json& text, const std::string& prompt) {
  std::vector<RecordedText> texts;
  for (const Json& one : text.is_array() ? text : Json::array({text})) {
    const auto index = static_cast<int>(texts.size());
    texts.emplace_back().index = index;
    add_generated_text(one, prompt, texts.back());
  }
  return texts;
}

// A pipeline's texts of one prompt: [{"generated_text"}, ...].
std::vector<RecordedText> pipeline_texts(const Json& list) {
  Json texts = Json::array();
  for (const Json& object : list) {
    const Json* text = object.is_object() ? find_member(object, "generated_text") : nullptr;
    if (text == nullptr) refuse_record("it is a list of something other than \"generated_text\"");
    texts.push_back(*text);
  }
  return generated_texts(texts, "");
}

// What a text and its record are known by, in the forms of all programs.
bool is_known_member(const std::string& name) {
  static const std::set<std::string_view> known = {
      "custom_id", "request_id",     "response",  "choices",       "outputs",
      "text",      "generated_text", "index",     "finish_reason", "num_tokens",
      "logprob",   "mean_entropy",   "tokens",    "token_ids",     "cumulative_logprob",
      "logprobs",  "token_logprobs", "beam_score"};
  return known.contains(name);
}

}  // namespace

std::vector<Field> RecordReader::carried() const {
  std::vector<Field> fields;
  if (!json_.is_object() || (json_.contains("custom_id") && json_.contains("response"))) {
    return fields;
  }
  const bool is_ours = json_.contains("completions");
  const std::vector<std::string> spellings =
      place_.text.empty() ? std::vector<std::string>{} : base::json_member_texts(place_.text);
  std::size_t member = 0;
  for (const auto& [name, value] : json_.items()) {
    const std::size_t here = member++;
    if (is_member(name) || (!is_ours && is_known_member(name))) continue;
    if (name == "prompt_ids" && format_ >= kPromptFormat) continue;
    fields.push_back({name, spellings.empty() ? value.dump() : spellings.at(here)});
  }
  return fields;
}

std::vector<RecordedText> RecordReader::texts() const {
  if (json_.is_array() && !json_.empty()) return pipeline_texts(json_);
  if (!json_.is_object()) refuse_record("not a JSON object");
  if (json_.contains("completions")) return texts_of_list(json_, "completions");
  if (const Json* response = find_member(json_, "response")) {
    const Json* body = response->is_object() ? find_member(*response, "body") : nullptr;
    if (body == nullptr || !body->is_object()) refuse_record("\"response\" has no \"body\"");
    return texts_of_list(*body, "choices");
  }
  for (const char* key : {"choices", "outputs"}) {  // an answer of the API by itself, vLLM's own
    const Json* list = find_member(json_, key);
    if (list != nullptr && list->is_array()) return texts_of_list(json_, key);
  }
  if (json_.contains("text")) {
    std::vector<RecordedText> texts(1);
    add_text(json_, texts[0]);
    return texts;
  }
  if (const Json* text = find_member(json_, "generated_text")) {
    return generated_texts(*text, text_member(json_, "prompt"));
  }
  refuse_record(
      "neither \"completions\" nor \"text\": expected what medgen batch writes, or "
      "{\"text\": \"...\"}");
}

}  // namespace medgen::records
