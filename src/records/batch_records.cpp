// The keys and their order are part of the format; those of `generate --json` where both have them.
#include "records/batch_records.h"

#include <cstdio>

#include "base/csv.h"
#include "base/sha256.h"
#include "safety/notice.h"

namespace medgen::records {
namespace {

using batch::FinishedRow;
using batch::Json;

batch::Json error_json(const batch::RowError& error) {
  return batch::Json{{"code", error.code}, {"message", error.message}};
}

std::string text_of(const batch::Json& value) {
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

}  // namespace

RecordMaker::RecordMaker(RecordFormat format, Provenance provenance)
    : format_(format), provenance_(std::move(provenance)) {}

std::string RecordMaker::heading() const {
  if (format_ == RecordFormat::kCsv) {
    return "id,prompt,index,text,finish_reason,num_tokens,logprob,error_code,error_message,"
           "generated,notice\n";
  }
  return format_ == RecordFormat::kText ? "# " + std::string(safety::notice()) + "\n"
                                        : std::string();
}

std::string RecordMaker::record(const batch::FinishedRow& finished) const {
  switch (format_) {
    case RecordFormat::kCsv:
      return csv_record(finished);
    case RecordFormat::kText:
      return text_record(finished);
    case RecordFormat::kJsonl:
      break;
  }
  return finished.row.form == batch::RowForm::kOpenAi ? openai_record(finished)
                                                      : json_record(finished);
}

batch::Json RecordMaker::provenance(const Request& request) const {
  Provenance provenance = provenance_;
  provenance.request = request;
  return provenance_json(provenance);
}

std::string RecordMaker::json_record(const batch::FinishedRow& finished) const {
  batch::Json json;
  json["id"] = finished.row.id;
  if (finished.row.error) {
    json["error"] = error_json(*finished.row.error);
    return json.dump() + "\n";
  }
  json["prompt"] = finished.row.prompt;
  for (const auto& [name, value] : finished.row.extras.items()) json[name] = value;
  json["completions"] = batch::Json::array();
  for (const Completion& completion : finished.completions) {
    json["completions"].push_back(completion_json(completion, provenance_.tokenizer));
  }
  json["provenance"] = provenance(finished.request);
  json["generated"] = true;
  json["notice"] = safety::notice();
  return json.dump() + "\n";
}

// Ids are hashes and the time of creation is 0, so that the same row gives the same bytes.
std::string RecordMaker::openai_record(const batch::FinishedRow& finished) const {
  const std::string id = base::sha256("medgen response " + text_of(finished.row.id)).substr(0, 24);
  batch::Json json;
  json["id"] = "batch_req_" + id;
  json["custom_id"] = finished.row.id;
  if (finished.row.error) {
    json["response"] = nullptr;
    json["error"] = error_json(*finished.row.error);
    return json.dump() + "\n";
  }
  batch::Json choices = batch::Json::array();
  int generated = 0;
  for (const Completion& completion : finished.completions) {
    const bool stopped = completion.finish_reason == FinishReason::kEos ||
                         completion.finish_reason == FinishReason::kStop;
    choices.push_back(batch::Json{{"text", completion.text},
                                  {"index", completion.index},
                                  {"logprobs", nullptr},
                                  {"finish_reason", stopped ? "stop" : "length"}});
    generated += completion.num_tokens;
  }
  const int prompt = static_cast<int>(finished.request.prompt.size());
  batch::Json body{{"id", "cmpl-" + id},
                   {"object", "text_completion"},
                   {"created", 0},
                   {"model", provenance_.model_name},
                   {"choices", std::move(choices)},
                   {"usage", batch::Json{{"prompt_tokens", prompt},
                                         {"completion_tokens", generated},
                                         {"total_tokens", prompt + generated}}},
                   {"provenance", provenance(finished.request)},
                   {"generated", true},
                   {"notice", safety::notice()}};
  json["response"] =
      batch::Json{{"status_code", 200}, {"request_id", id}, {"body", std::move(body)}};
  json["error"] = nullptr;
  return json.dump() + "\n";
}

std::string RecordMaker::csv_record(const batch::FinishedRow& finished) const {
  const std::string id = base::quote_csv(text_of(finished.row.id));
  if (finished.row.error) {
    return id + ",,,,,,," + finished.row.error->code + "," +
           base::quote_csv(finished.row.error->message) + ",,\n";
  }
  std::string out;
  for (const Completion& c : finished.completions) {
    out += id + "," + base::quote_csv(finished.row.prompt) + "," + std::to_string(c.index) + "," +
           base::quote_csv(c.text) + "," + std::string(to_string(c.finish_reason)) + "," +
           std::to_string(c.num_tokens) + "," + batch::Json(c.logprob).dump() + ",,,true," +
           base::quote_csv(safety::notice()) + "\n";
  }
  return out;
}

std::string RecordMaker::text_record(const batch::FinishedRow& finished) const {
  if (finished.row.error) return "# error: " + finished.row.error->code + "\n";
  std::string out;
  for (const Completion& c : finished.completions)
    out += one_line(finished.row.prompt + c.text) + "\n";
  return out;
}

}  // namespace medgen::records
