// See the header.
#include "records/reader.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "base/json.h"
#include "base/whole_number.h"
#include "engine/settings.h"
#include "medgen/error.h"
#include "records/members.h"

namespace medgen::records {
namespace {

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
  if (number > 0x7fffffff) refuse_record(std::string("\"") + key + "\" is beyond any count");
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
  if (provenance.contains("prompts")) {
    throw Error(ErrorCode::kUsage, "it is of several prompts, which are not made again together");
  }
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
  if (const Json* response = find_member(json, "response");
      response && json.contains("custom_id")) {
    const Json* body = response->is_object() ? find_member(*response, "body") : nullptr;
    const Json* provenance =
        body != nullptr && body->is_object() ? find_member(*body, "provenance") : nullptr;
    return provenance != nullptr && provenance->is_object() ? find_member(*provenance, "format")
                                                            : nullptr;
  }
  // Elsewhere a member of this name is another program's, and behind the prompt a row's, which
  // medgen 0.1 let through.
  if (!json.contains("completions") && find_member(json, "error") == nullptr) return nullptr;
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
  return format->get<double>() >= 0 ? static_cast<int>(format->get<double>()) : 0;
}

}  // namespace

RecordReader::RecordReader(Json json, const Place& place)
    : json_(std::move(json)), place_(place), format_(format_of(json_, place)) {}

std::string RecordReader::number() const {
  if (place_.element == 0) return fmt::format("{}", place_.line);
  return place_.line == 1 ? fmt::format("{}", place_.element)
                          : fmt::format("{}.{}", place_.line, place_.element);
}

std::string RecordReader::place() const {
  return fmt::format("line {}", place_.line) +
         (place_.element == 0 ? std::string() : fmt::format(", element {}", place_.element));
}

bool RecordReader::failed() const {
  if (!json_.is_object()) return false;
  if (find_member(json_, "error") != nullptr) return true;
  const Json* response = find_member(json_, "response");
  const Json* status = response != nullptr && response->is_object()
                           ? find_member(*response, "status_code")
                           : nullptr;
  return status != nullptr && status->is_number() && status->get<double>() >= 400;
}

std::string RecordReader::id(const std::string& otherwise) const {
  if (!json_.is_object()) return otherwise;
  return id_member(json_, "custom_id", id_member(json_, "id", otherwise));
}

std::string RecordReader::setting(const std::string& otherwise) const {
  return json_.is_object() ? text_member(json_, "setting", otherwise) : otherwise;
}

std::string RecordReader::prompt() const {
  return json_.is_object() ? text_member(json_, "prompt") : std::string();
}

std::vector<TokenId> RecordReader::prompt_ids() const {
  // In an older record a member of this name is the row's.
  return format_ < kPromptFormat ? std::vector<TokenId>{} : tokens_of(json_, "prompt_ids");
}

bool RecordReader::specials() const {
  const Json* provenance = format_ < kPromptFormat ? nullptr : find_member(json_, "provenance");
  return provenance != nullptr && provenance->is_object() &&
         provenance->value("specials", Json()) == true;
}

RecordedOrigin RecordReader::origin() const {
  RecordedOrigin origin;
  const Json* provenance = json_.is_object() ? find_member(json_, "provenance") : nullptr;
  if (provenance == nullptr || !provenance->is_object()) return origin;
  const auto text = [](const Json& object, const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
  };
  if (const Json* model = find_member(*provenance, "model");
      model != nullptr && model->is_object()) {
    origin.model_name = text(*model, "name");
    origin.model_sha256 = text(*model, "sha256");
  }
  const Json* sampling = find_member(*provenance, "sampling");
  if (sampling != nullptr && sampling->is_object()) origin.sampling = *sampling;
  return origin;
}

RecordedRun RecordReader::run() const {
  RecordedRun run;
  run.line = place_.line;
  if (!json_.is_object()) {
    run.obstacle = "it is not a JSON object";
    return run;
  }
  run.id = json_.contains("custom_id") ? json_["custom_id"] : json_.value("id", Json());
  run.setting = json_.value("setting", Json());
  run.failed = failed();
  if (run.failed) {
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
  return json_.is_object() && id_member(json_, "custom_id", "") ==
                                  (id.is_string() ? id.get<std::string>() : id_text(id));
}

std::uint64_t RecordReader::num_tokens() const {
  std::uint64_t tokens = 0;
  const Json* completions = json_.is_object() ? find_member(json_, "completions") : nullptr;
  if (completions == nullptr || !completions->is_array()) return 0;
  for (const Json& completion : *completions) {
    const Json* number = completion.is_object() ? find_member(completion, "num_tokens") : nullptr;
    if (number != nullptr && number->is_number_unsigned()) tokens += base::whole_number(*number);
  }
  return tokens;
}

}  // namespace medgen::records
