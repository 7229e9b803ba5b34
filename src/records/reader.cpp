// See the header.
#include "records/reader.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "base/byte_reader.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/whole_number.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::records {
namespace {

constexpr std::uint64_t kMaxWholeFileBytes = std::uint64_t{256} << 20U;

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kRuntime, what); }

const Json* find(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string text_of(const Json& object, const char* key, const std::string& otherwise = {}) {
  const Json* value = find(object, key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) refuse(std::string("\"") + key + "\" is not a string");
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
    refuse(std::string("\"") + key + "\" is not a number");
  }
  return value->get<double>();
}

int count_of(const Json& object, const char* key, int otherwise) {
  const auto value = number_of(object, key);
  if (!value) return otherwise;
  if (*value < 0 || *value > 1e9 || *value != std::floor(*value)) {
    refuse(std::string("\"") + key + "\" is not a whole number from 0 to 10^9");
  }
  return static_cast<int>(*value);
}

TokenId token_of(const Json& id, const char* key = "tokens") {
  const bool fits = id.is_number_integer() && id >= 0 && id <= 0x7fffffff;
  if (!fits) refuse(fmt::format("\"{}\" holds something that is not a token id", key));
  return id.get<TokenId>();
}

std::vector<TokenId> tokens_of(const Json& object, const char* key = "tokens") {
  std::vector<TokenId> tokens;
  const Json* ids = find(object, key);
  if (ids == nullptr) return tokens;
  if (!ids->is_array()) refuse(fmt::format("\"{}\" is not an array of token ids", key));
  for (const Json& id : *ids) tokens.push_back(token_of(id, key));
  return tokens;
}

// The output of --logprobs holds the tokens and their entropies too.
void add_logprobs(const Json& object, RecordedText& read) {
  const Json* all = find(object, "logprobs");
  if (all == nullptr || !all->is_array() || all->empty()) return;
  double entropy = 0;
  std::vector<TokenId> tokens;
  for (const Json& token : *all) {
    const Json* id = token.is_object() ? find(token, "id") : nullptr;
    const auto nats = token.is_object() ? number_of(token, "entropy") : std::nullopt;
    if (id == nullptr || !id->is_number_integer() || !nats) return;  // from another program
    tokens.push_back(token_of(*id));
    entropy += *nats;
  }
  if (read.tokens.empty()) read.tokens = tokens;
  if (!read.mean_entropy) read.mean_entropy = entropy / static_cast<double>(tokens.size());
}

// {"tokens", "token_logprobs", ...} of OpenAI's form; the first may be null.
void add_token_logprobs(const Json& object, RecordedText& read) {
  const Json* logprobs = find(object, "logprobs");
  if (logprobs == nullptr || !logprobs->is_object()) return;
  const Json* all = find(*logprobs, "token_logprobs");
  if (all == nullptr || !all->is_array() || all->empty()) return;
  double sum = 0;
  for (const Json& one : *all) {
    if (!one.is_number() || !std::isfinite(one.get<double>())) return;
    sum += one.get<double>();
  }
  read.logprob = sum;
  read.num_tokens = static_cast<int>(all->size());
}

// What transformers' pipelines give: {"generated_text"}, with the prompt in front unless they were
// told otherwise.
void add_generated_text(const Json& object, const std::string& prompt, RecordedText& read) {
  read.text = text_of(object, "generated_text");
  if (!prompt.empty() && read.text.starts_with(prompt)) read.text.erase(0, prompt.size());
}

// The members that a text has everywhere.
void add_text(const Json& object, RecordedText& read) {
  if (find(object, "text") == nullptr) refuse("a text without \"text\"");
  read.text = text_of(object, "text");
  read.index = count_of(object, "index", read.index);
  read.finish_reason = text_of(object, "finish_reason");
  read.tokens = tokens_of(object);
  read.logprob = number_of(object, "logprob");
  read.mean_entropy = number_of(object, "mean_entropy");
  add_logprobs(object, read);
  read.num_tokens = count_of(object, "num_tokens", static_cast<int>(read.tokens.size()));
  if (!read.logprob) add_token_logprobs(object, read);
  if (!read.tokens.empty() && read.tokens.size() != static_cast<std::size_t>(read.num_tokens)) {
    refuse(fmt::format("\"num_tokens\" is {} but there are {} tokens", read.num_tokens,
                       read.tokens.size()));
  }
  if (read.num_tokens == 0 && (read.logprob.value_or(0) != 0 || read.mean_entropy)) {
    refuse("\"logprob\" or \"mean_entropy\" without \"num_tokens\"");
  }
}

const Json& array_of(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_array()) refuse(std::string("\"") + key + "\" is not a list");
  return *value;
}

FinishReason finish_reason_of(const std::string& name) {
  for (const FinishReason reason :
       {FinishReason::kEos, FinishReason::kStop, FinishReason::kLength, FinishReason::kContext,
        FinishReason::kInterrupted, FinishReason::kTime, FinishReason::kLoop,
        FinishReason::kNeverSay}) {
    if (name == to_string(reason)) return reason;
  }
  throw Error(ErrorCode::kUsage, "its finish_reason is not one that this medgen knows");
}

int int_of(const Json& object, const char* key) {
  const std::uint64_t number = base::whole_number(object.at(key));
  if (number > 0x7fffffff) refuse(std::string("\"") + key + "\" is beyond any count");
  return static_cast<int>(number);
}

Completion completion_of(const Json& json) {
  Completion completion;
  completion.index = int_of(json, "index");
  completion.text = json.at("text").get<std::string>();
  completion.finish_reason = finish_reason_of(json.at("finish_reason").get<std::string>());
  completion.num_tokens = int_of(json, "num_tokens");
  completion.logprob = json.at("logprob").get<double>();
  if (json.contains("beam_score")) completion.beam_score = json["beam_score"].get<double>();
  completion.tokens = tokens_of(json);
  return completion;
}

// Whether a program that reads numbers as doubles can have written it: what it holds is a double,
// or one printed with its 17 significant digits and zeros behind them.
bool looks_rounded(std::uint64_t number) {
  constexpr double kExact = 9007199254740992;  // 2^53
  const auto as_double = static_cast<double>(number);
  if (as_double < kExact) return false;
  const std::string digits = fmt::to_string(number);
  for (const int precision : {16, 17}) {
    std::string printed = fmt::format("{:.{}e}", as_double, precision - 1);
    printed.erase(printed.find('e'));
    printed.erase(1, 1);  // the point
    printed.resize(digits.size(), '0');
    if (printed == digits) return true;
  }
  return as_double < 18446744073709551616.0 && static_cast<std::uint64_t>(as_double) == number;
}

// A seed or a key: text, or a number, as medgen wrote all of them once. Throws the library's
// exceptions for anything else.
std::uint64_t whole_of(const Json& provenance, const char* name, RecordedRun& run) {
  const Json& value = provenance.at(name);
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw Error(ErrorCode::kUsage, fmt::format("its {} is not a whole number of 64 bits", name));
    }
    return number;
  }
  const bool is_float = value.is_number_float();
  if (value.is_number_integer() && !value.is_number_unsigned() && value.get<std::int64_t>() < 0) {
    throw Error(ErrorCode::kUsage, fmt::format("its {} is below 0", name));
  }
  if (is_float && !(value.get<double>() >= 0 && value.get<double>() < 18446744073709551616.0 &&
                    std::floor(value.get<double>()) == value.get<double>())) {
    throw Error(ErrorCode::kUsage, fmt::format("its {} is not a whole number of 64 bits", name));
  }
  const auto number =
      is_float ? static_cast<std::uint64_t>(value.get<double>()) : value.get<std::uint64_t>();
  if (looks_rounded(number)) {
    run.doubts.push_back(
        fmt::format("its {} is {}, which looks rounded by a program that reads numbers as doubles: "
                    "take it from the file that medgen wrote",
                    name, number));
  }
  return number;
}

// Throws Error, or the library's exceptions for members that are missing or of another type.
void take_record(const Json& json, RecordedRun& run) {
  run.prompt = json.at("prompt").get<std::string>();
  const Json& provenance = json.at("provenance");
  run.medgen = provenance.at("medgen").get<std::string>();
  run.model_name = provenance.at("model").at("name").get<std::string>();
  run.model_sha256 = provenance.at("model").at("sha256").get<std::string>();
  run.backend = provenance.at("backend").get<std::string>();
  run.precision = provenance.at("precision").get<std::string>();
  run.key = whole_of(provenance, "key", run);
  run.prompt_tokens = base::whole_number(provenance.at("prompt_tokens"));
  run.sampling = provenance.at("sampling");
  run.settings = engine::make_settings(run.sampling, {});
  run.settings.sampling.seed = whole_of(provenance, "seed", run);
  for (const Json& completion : json.at("completions")) {
    run.completions.push_back(completion_of(completion));
  }
}

// The member that holds the number of the format; null if there is none.
const Json* format_member(const Json& json) {
  if (const Json* response = find(json, "response"); response && json.contains("custom_id")) {
    const Json* body = response->is_object() ? find(*response, "body") : nullptr;
    const Json* provenance =
        body != nullptr && body->is_object() ? find(*body, "provenance") : nullptr;
    return provenance != nullptr && provenance->is_object() ? find(*provenance, "format") : nullptr;
  }
  // Elsewhere a member of this name is another program's, and behind the prompt a row's, which
  // medgen 0.1 let through.
  if (!json.contains("completions") && find(json, "error") == nullptr) return nullptr;
  for (auto member = json.begin(); member != json.end() && member.key() != "prompt"; ++member) {
    if (member.key() == "format") return &*member;
  }
  return nullptr;
}

// 0 if there is no number.
int format_of(const Json& json, const Place& place) {
  const Json* format = json.is_object() ? format_member(json) : nullptr;
  if (format == nullptr || !format->is_number()) return 0;
  if (format->get<double>() > kNewestRecordFormat) {
    throw Error(ErrorCode::kUsage,
                fmt::format("record on line {} of {} was written in format {}; this medgen reads "
                            "up to {}: use the medgen that wrote it or a newer one",
                            place.line, place.file, format->dump(), kNewestRecordFormat));
  }
  return format->is_number_unsigned() ? format->get<int>() : 0;
}

// Text that is no JSON at all is refused by whoever asks for what the record holds.
void refuse_beyond_limits(std::string_view text, const std::string& where) {
  const std::string fault = base::json_fault(text, "");
  if (!fault.empty()) {
    throw Error(ErrorCode::kUsage,
                where + " is " + fault + ": give what generate `json`, batch or sweep wrote");
  }
}

// JSON over several lines.
void read_whole(const std::filesystem::path& file,
                const std::function<void(const RecordReader&)>& visit) {
  std::string text;
  const base::Blocks blocks =
      base::without_byte_order_mark(base::file_blocks(file, ErrorCode::kUsage));
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) {
    text += block;
    if (text.size() > kMaxWholeFileBytes) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is longer than the {} bytes that one JSON value may have: give a "
                              "record a line",
                              file.string(), kMaxWholeFileBytes));
    }
  }
  const auto json = base::parse_json<Json>(text);
  if (json.is_discarded()) refuse_beyond_limits(text, file.string());
  if (!json.is_object() && !json.is_array()) {
    throw Error(
        ErrorCode::kUsage,
        file.string() + " holds no JSON records: give what generate `json`, batch or sweep wrote");
  }
  if (json.is_object()) return visit(RecordReader(json, {file.string(), 1}));
  for (const Json& record : json) visit(RecordReader(record, {file.string(), 1}));
}

}  // namespace

RecordReader::RecordReader(Json json, const Place& place)
    : json_(std::move(json)), line_(place.line), format_(format_of(json_, place)) {}

bool RecordReader::failed() const {
  if (!json_.is_object()) return false;
  if (find(json_, "error") != nullptr) return true;
  const Json* response = find(json_, "response");
  const Json* status =
      response != nullptr && response->is_object() ? find(*response, "status_code") : nullptr;
  return status != nullptr && status->is_number() && status->get<double>() >= 400;
}

std::string RecordReader::id(const std::string& otherwise) const {
  if (!json_.is_object()) return otherwise;
  return id_of(json_, "custom_id", id_of(json_, "id", otherwise));
}

std::string RecordReader::setting(const std::string& otherwise) const {
  return json_.is_object() ? text_of(json_, "setting", otherwise) : otherwise;
}

std::string RecordReader::prompt() const {
  return json_.is_object() ? text_of(json_, "prompt") : std::string();
}

std::vector<TokenId> RecordReader::prompt_ids() const {
  // In an older record a member of this name is the row's.
  return format_ < kPromptFormat ? std::vector<TokenId>{} : tokens_of(json_, "prompt_ids");
}

bool RecordReader::specials() const {
  const Json* provenance = format_ < kPromptFormat ? nullptr : find(json_, "provenance");
  return provenance != nullptr && provenance->is_object() &&
         provenance->value("specials", Json()) == true;
}

std::vector<RecordedText> RecordReader::texts() const {
  std::vector<RecordedText> texts;
  if (json_.is_array() && !json_.empty()) {  // a pipeline's texts of one prompt
    for (const Json& object : json_) {
      if (!object.is_object() || find(object, "generated_text") == nullptr) break;
      const auto index = static_cast<int>(texts.size());
      texts.emplace_back().index = index;
      add_generated_text(object, "", texts.back());
    }
    if (texts.size() == json_.size()) return texts;
  }
  if (!json_.is_object()) refuse("not a JSON object");
  const auto add_all = [&](const Json& objects) {
    for (const Json& object : objects) {
      if (!object.is_object()) refuse("a completion is not a JSON object");
      RecordedText& text = texts.emplace_back();
      text.index = static_cast<int>(texts.size()) - 1;
      add_text(object, text);
    }
  };
  if (json_.contains("completions")) {
    add_all(array_of(json_, "completions"));
  } else if (const Json* response = find(json_, "response")) {
    const Json* body = response->is_object() ? find(*response, "body") : nullptr;
    if (body == nullptr || !body->is_object()) refuse("\"response\" has no \"body\"");
    add_all(array_of(*body, "choices"));
  } else if (json_.contains("text")) {
    add_text(json_, texts.emplace_back());
  } else if (find(json_, "generated_text") != nullptr) {
    add_generated_text(json_, text_of(json_, "prompt"), texts.emplace_back());
  } else {
    refuse(
        "neither \"completions\" nor \"text\": expected what medgen batch writes, or "
        "{\"text\": \"...\"}");
  }
  return texts;
}

RecordedOrigin RecordReader::origin() const {
  RecordedOrigin origin;
  const Json* provenance = json_.is_object() ? find(json_, "provenance") : nullptr;
  if (provenance == nullptr || !provenance->is_object()) return origin;
  const auto text = [](const Json& object, const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
  };
  if (const Json* model = find(*provenance, "model"); model != nullptr && model->is_object()) {
    origin.model_name = text(*model, "name");
    origin.model_sha256 = text(*model, "sha256");
  }
  const Json* sampling = find(*provenance, "sampling");
  if (sampling != nullptr && sampling->is_object()) origin.sampling = *sampling;
  return origin;
}

RecordedRun RecordReader::run() const {
  RecordedRun run;
  run.line = line_;
  if (!json_.is_object()) {
    run.obstacle = "it is not a JSON object";
    return run;
  }
  run.id = json_.contains("custom_id") ? json_["custom_id"] : json_.value("id", Json());
  run.setting = json_.value("setting", Json());
  if (failed()) {
    run.obstacle = "it is the record of a failed row";
  } else if (json_.contains("response")) {
    run.obstacle = "OpenAI's form holds no prompt";
  } else {
    try {
      take_record(json_, run);
      run.prompt_ids = prompt_ids();
      run.specials = specials();
    } catch (const Error& error) {
      run.obstacle = error.what();
    } catch (const Json::exception&) {
      run.obstacle = "it lacks something: its prompt, a part of its provenance or of a completion";
    }
  }
  return run;
}

bool RecordReader::is_of(const Json& id, const std::string& prompt,
                         const std::vector<Field>& extras) const {
  if (!json_.is_object()) return false;
  if (json_.value("id", Json()) != id || json_.value("prompt", Json()) != prompt) return false;
  for (const Field& field : extras) {
    if (json_.value(field.name, Json()) != base::parse_json<Json>(field.json)) return false;
  }
  return true;
}

bool RecordReader::is_openai_of(const Json& id) const {
  return json_.is_object() &&
         id_of(json_, "custom_id", "") == (id.is_string() ? id.get<std::string>() : id.dump());
}

std::uint64_t RecordReader::num_tokens() const {
  std::uint64_t tokens = 0;
  const Json* completions = json_.is_object() ? find(json_, "completions") : nullptr;
  if (completions == nullptr || !completions->is_array()) return 0;
  for (const Json& completion : *completions) {
    const Json* number = completion.is_object() ? find(completion, "num_tokens") : nullptr;
    if (number != nullptr && number->is_number_unsigned()) tokens += base::whole_number(*number);
  }
  return tokens;
}

void read_records(const std::filesystem::path& file,
                  const std::function<void(const RecordReader&)>& visit) {
  base::Lines lines(base::without_byte_order_mark(base::file_blocks(file, ErrorCode::kUsage)),
                    base::Lines::kAnyLength);
  bool first = true;
  for (base::Line line; lines.next(line);) {
    if (line.text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("line {} of {}", line.number, file.string());
    auto json = base::parse_json<Json>(line.text);
    if (json.is_discarded()) refuse_beyond_limits(line.text, where);
    if (std::exchange(first, false) && !json.is_object()) return read_whole(file, visit);
    visit(RecordReader(std::move(json), {file.string(), line.number}));
  }
}

}  // namespace medgen::records
