// The keys and their order are part of the format.
#include "records/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "engine/settings.h"
#include "medgen/version.h"
#include "records/table.h"
#include "safety/notice.h"
#include "text/utf8.h"

namespace medgen::records {
namespace {

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

// Of a sweep's texts.
void add_tokens(const Completion& completion, const SamplingParams& asked, Json& json) {
  json["tokens"] = completion.tokens;
  // Beams are not drawn, so their distributions were not computed.
  if (asked.num_beams > 1 || completion.logprobs.empty()) return;
  double entropy = 0;
  for (const TokenLogprobs& token : completion.logprobs) entropy += token.entropy;
  json["mean_entropy"] = entropy / static_cast<double>(completion.logprobs.size());
}

// Numbers that a tool may read as doubles, which are exact up to 2^53, are written as text beyond.
Json number_or_text(std::uint64_t number) {
  constexpr std::uint64_t kExact = std::uint64_t{1} << 53U;
  return number < kExact ? Json(number) : Json(fmt::to_string(number));
}

// Enough to regenerate the texts.
Json provenance_json(const Origin& origin, const Record& record) {
  const Request& request = record.request;
  Json json{{"medgen", std::string(version())},
            {"model", Json{{"name", origin.model_name}, {"sha256", origin.model_sha256}}},
            {"backend", origin.backend.name},
            {"precision", origin.backend.precision},
            {"seed", number_or_text(request.sampling.seed)},
            {"sampling", sampling_json(request)},
            {"key", fmt::to_string(request.id)},
            {"prompt_tokens", request.prompt.size()}};
  if (record.specials) json["specials"] = true;
  if (!record.prompts.empty()) json["prompts"] = record.prompts.size();
  if (!record.identifiers.empty()) {
    json["identifiers"] = record.identifiers;
    json["identifiers_found"] = record.identifiers_found;
  }
  return json;
}

int format_number(const Record& record) {
  const bool plain = record.error || (record.prompt_ids.empty() && !record.specials);
  return plain ? kRecordFormat : kPromptFormat;
}

// Of one of its texts.
const std::string& prompt_of(const Record& record, const Completion& completion) {
  if (record.prompts.empty()) return record.prompt;
  return record.prompts.at(
      static_cast<std::size_t>(completion.index / record.request.num_return_sequences));
}

Json error_json(const RecordError& error) {
  return Json{{"code", error.code}, {"message", error.message}};
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// On one line: \n, \r and \\ for what would break it.
std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out;
}

// An object with further members in the middle, whose values are JSON already.
std::string spliced(const Json& before, const std::vector<Field>& fields, const Json& after) {
  std::string text = before.dump();
  text.pop_back();
  for (const Field& field : fields) text += "," + Json(field.name).dump() + ":" + field.json;
  return text + "," + after.dump().substr(1) + "\n";
}

std::string json_record(const Record& record, Form form, const Origin& origin) {
  Json json;
  json["id"] = record.id;
  json["format"] = format_number(record);
  if (form == Form::kSweep) json["setting"] = record.setting;
  if (record.error) {
    json["error"] = error_json(*record.error);
    return json.dump() + "\n";
  }
  json["prompt"] = record.prompt;
  if (!record.prompt_ids.empty()) json["prompt_ids"] = record.prompt_ids;
  Json made{{"completions", Json::array()}};
  // A sweep's have log-probabilities for the entropy even where none are asked for.
  const SamplingParams& asked = record.request.sampling;
  const Tokenizer* tokenizer = asked.logprobs ? origin.tokenizer : nullptr;
  for (const Completion& completion : record.completions) {
    Json text = completion_json(completion, tokenizer);
    if (form == Form::kSweep) add_tokens(completion, asked, text);
    made["completions"].push_back(std::move(text));
  }
  made["provenance"] = provenance_json(origin, record);
  made["generated"] = true;
  made["notice"] = safety::notice();
  return spliced(json, record.extras, made);
}

// The tokens of a text with their log-probabilities, where they were asked for. Offsets are in
// characters and count the prompt, as OpenAI's do.
Json openai_logprobs(const Completion& completion, const Record& record,
                     const Tokenizer* tokenizer) {
  if (!record.request.sampling.logprobs || tokenizer == nullptr || completion.logprobs.empty()) {
    return nullptr;
  }
  Json tokens = Json::array(), logprobs = Json::array(), tops = Json::array(),
       offsets = Json::array();
  const auto characters = [](std::string_view text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
  };
  const auto name_of = [&](TokenId token) {
    return text::replace_invalid_utf8(tokenizer->token_bytes(token));
  };
  auto offset = characters(prompt_of(record, completion));
  for (const TokenLogprobs& token : completion.logprobs) {
    Json top = Json::object();
    for (const TokenAlternative& other : token.alternatives) {
      top[name_of(other.token)] = other.logprob;
    }
    tokens.push_back(name_of(token.chosen.token));
    logprobs.push_back(token.chosen.logprob);
    tops.push_back(std::move(top));
    offsets.push_back(offset);
    offset += characters(tokenizer->token_bytes(token.chosen.token));
  }
  return Json{{"tokens", std::move(tokens)},
              {"token_logprobs", std::move(logprobs)},
              {"top_logprobs", std::move(tops)},
              {"text_offset", std::move(offsets)}};
}

// Ids are hashes and the time of creation is 0, so that the same row gives the same bytes.
std::string openai_record(const Record& record, const Origin& origin) {
  const std::string id = base::sha256("medgen response " + text_of(record.id)).substr(0, 24);
  Json json;
  json["id"] = "batch_req_" + id;
  json["custom_id"] = text_of(record.id);
  if (record.error) {
    const bool ours = record.error->code == "model_failure";
    Json error{{"message", record.error->message},
               {"type", ours ? "server_error" : "invalid_request_error"},
               {"param", nullptr},
               {"code", record.error->code}};
    json["response"] = Json{{"status_code", ours ? 500 : 400},
                            {"request_id", id},
                            {"body", Json{{"error", std::move(error)}}}};
    json["error"] = nullptr;
    return json.dump() + "\n";
  }
  Json choices = Json::array();
  int generated = 0;
  for (const Completion& completion : record.completions) {
    const FinishReason reason = completion.finish_reason;
    const bool stopped = reason == FinishReason::kEos || reason == FinishReason::kStop;
    const bool unsaid = reason == FinishReason::kNeverSay;
    choices.push_back(Json{{"text", completion.text},
                           {"index", completion.index},
                           {"logprobs", openai_logprobs(completion, record, origin.tokenizer)},
                           {"finish_reason", stopped  ? "stop"
                                             : unsaid ? "content_filter"
                                                      : "length"}});
    generated += completion.num_tokens;
  }
  const int prompt = static_cast<int>(record.request.prompt.size() + record.more_prompt_tokens);
  // Its format stands here, since the members around it are OpenAI's.
  Json provenance{{"format", format_number(record)}};
  provenance.update(provenance_json(origin, record));
  Json body{{"id", "cmpl-" + id},
            {"object", "text_completion"},
            {"created", 0},
            {"model", origin.model_name},
            {"choices", std::move(choices)},
            {"usage", Json{{"prompt_tokens", prompt},
                           {"completion_tokens", generated},
                           {"total_tokens", prompt + generated}}},
            {"provenance", std::move(provenance)},
            {"generated", true},
            {"notice", safety::notice()}};
  json["response"] = Json{{"status_code", 200}, {"request_id", id}, {"body", std::move(body)}};
  json["error"] = nullptr;
  return json.dump() + "\n";
}

std::string csv_record(const Record& record, TableColumns columns, bool raw, const Origin& origin) {
  columns.raw = raw;
  columns.identifiers = columns.identifiers || !record.identifiers.empty();
  TableRecord table{.id = text_of(record.id), .prompt = record.prompt};
  table.error = record.error;
  if (record.error) return table_lines(table, columns);
  for (const Completion& c : record.completions) {
    table.texts.push_back({.index = c.index,
                           .text = c.text,
                           .finish_reason = std::string(to_string(c.finish_reason)),
                           .num_tokens = c.num_tokens,
                           .logprob = c.logprob,
                           .prompt = prompt_of(record, c)});
  }
  table.carried = record.extras;
  table.provenance = Json{{"format", format_number(record)}};
  if (!record.prompt_ids.empty()) table.provenance["prompt_ids"] = record.prompt_ids;
  table.provenance.update(provenance_json(origin, record));
  table.generated = true;
  table.notice = safety::notice();
  table.identifiers_found = fmt::format("{}", fmt::join(record.identifiers_found, " "));
  return table_lines(table, columns);
}

std::string text_record(const Record& record) {
  if (record.error) return "# error: " + record.error->code + "\n";
  std::string out;
  if (!record.identifiers_found.empty()) {
    out = fmt::format("# may identify somebody: {}\n", fmt::join(record.identifiers_found, ", "));
  }
  for (const Completion& c : record.completions)
    out += one_line(prompt_of(record, c) + c.text) + "\n";
  return out;
}

}  // namespace

std::string heading(Form form, const TableColumns& columns) {
  if (is_table(form)) {
    TableColumns all = columns;
    all.raw = form == Form::kRawCsv;
    return table_heading(all);
  }
  return form == Form::kText ? "# " + std::string(safety::notice()) + "\n" : std::string();
}

std::string Writer::write(const Record& record, Form form) const {
  switch (form) {
    case Form::kCsv:
    case Form::kRawCsv:
      return csv_record(record, columns_, form == Form::kRawCsv, origin_);
    case Form::kText:
      return text_record(record);
    case Form::kOpenAi:
      return openai_record(record, origin_);
    case Form::kJson:
    case Form::kSweep:
      break;
  }
  return json_record(record, form, origin_);
}

}  // namespace medgen::records
