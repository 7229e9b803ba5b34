#include "batch/openai_row.h"

#include <fmt/format.h>

#include "base/json.h"
#include "batch/row_parts.h"
#include "batch/row_settings.h"

namespace medgen::batch {
namespace {

constexpr std::size_t kMostPrompts = 2048;  // of a row

void take_openai_prompt_of_one(const Json& prompt, BatchRow& row) {
  if (prompt.is_array()) {
    take_prompt_ids(prompt, "prompt", row);
  } else if (prompt.is_string()) {
    take_prompt(prompt.get<std::string>(), row);
  } else {
    refuse_row("bad_prompt", std::string("the prompt is a JSON ") + prompt.type_name() +
                                 ": give a string, or a list of token ids");
  }
}

// "text", [ID, ...], or a list of these.
void take_openai_prompt(const Json& prompt, BatchRow& row) {
  const bool list = prompt.is_array() && !prompt.empty() && !prompt[0].is_number();
  if (!list) return take_openai_prompt_of_one(prompt, row);
  if (prompt.size() > kMostPrompts) {
    refuse_row("bad_prompt",
               fmt::format("the prompt is a list of {} prompts: give at most {} in a row",
                           prompt.size(), kMostPrompts));
  }
  for (const Json& one : prompt) {
    if (!one.is_string() && !one.is_array()) {
      refuse_row("bad_prompt", std::string("the prompt is a list that holds a JSON ") +
                                   one.type_name() + ": give texts or lists of token ids");
    }
    BatchRow single;
    take_openai_prompt_of_one(one, single);
    row.prompts.push_back({std::move(single.prompt), std::move(single.prompt_ids)});
  }
  row.prompt = row.prompts[0].text;
  row.prompt_ids = row.prompts[0].ids;
  if (row.prompts.size() == 1) row.prompts.clear();
}

}  // namespace

void take_openai(const Json& object, const std::vector<std::string>& spellings, BatchRow& row) {
  row.form = RowForm::kOpenAi;
  std::size_t member = 0;
  for (const auto& [name, value] : object.items()) {
    if (name == "custom_id") take_id(value, spellings[member], row);
    ++member;
  }
  const auto text_of = [&](const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (text_of("url") == "/v1/chat/completions") {
    refuse_row(
        "unsupported_request",
        "it asks for /v1/chat/completions, and a model of this kind continues a text, it does "
        "not chat: give the url /v1/completions, and a \"prompt\" in place of \"messages\"");
  }
  if (text_of("method") != "POST" || text_of("url") != "/v1/completions") {
    refuse_row("unsupported_request",
               "it asks for something other than POST /v1/completions, which is all there is");
  }
  const auto body = object.find("body");
  if (body == object.end() || !body->is_object()) {
    refuse_row("no_body", "it has no body: give an object with the prompt");
  }
  const Json& prompt = required_prompt(*body, "prompt");
  for (const auto& [name, value] : body->items()) {
    if (name == "prompt" || name == "model" || name == "user" || value.is_null()) continue;
    // All that are made are given: the best of as many is all of them.
    if (name == "best_of" && value == body->value("n", Json(1))) continue;
    const char* own = openai_setting(name, value);
    if (own == nullptr) {
      refuse_row(
          "unsupported_setting",
          "the body sets a field that is not supported here, or a value that is not supported; "
          "allowed are model, prompt, max_tokens, n, temperature, top_p, stop, seed, logprobs, "
          "logit_bias, presence_penalty, frequency_penalty, best_of equal to n, user, metadata, "
          "and of vLLM's top_k, min_p, repetition_penalty, length_penalty, ignore_eos, "
          "min_tokens");
    }
    const bool off = name == "top_k" && value == -1;
    if (*own != '\0') row.settings[own] = off ? Json(0) : value;
  }
  take_openai_prompt(prompt, row);
}

void answer_in_kind(const std::string& text, BatchRow& row) {
  constexpr std::string_view kName = "\"custom_id\"";
  const std::string& code = row.error->code;
  if (code != "invalid_json" && code != "duplicate_field" && code != "json_too_deep") return;
  if (text.find("\"body\"") == std::string::npos) return;
  std::size_t at = text.find(kName);
  if (at == std::string::npos) return;
  at = text.find_first_not_of(" \t", at + kName.size());
  if (at == std::string::npos || text[at] != ':') return;
  at = text.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || text[at] != '"') return;
  std::size_t end = at + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return;
  const auto id = base::parse_json<Json>(std::string_view(text).substr(at, end + 1 - at));
  if (!id.is_string() || id.get<std::string>().empty() ||
      id.get<std::string>().size() > kMaxIdBytes) {
    return;
  }
  row.form = RowForm::kOpenAi;
  row.id = id;
}

}  // namespace medgen::batch
