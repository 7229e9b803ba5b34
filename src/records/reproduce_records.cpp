// See the header.
#include "records/reproduce_records.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/files.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::records {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::uint64_t kMaxWholeFileBytes = std::uint64_t{256} << 20U;

FinishReason finish_reason_of(const std::string& name) {
  for (const FinishReason reason :
       {FinishReason::kEos, FinishReason::kStop, FinishReason::kLength, FinishReason::kContext,
        FinishReason::kInterrupted, FinishReason::kTime, FinishReason::kLoop}) {
    if (name == to_string(reason)) return reason;
  }
  throw Error(ErrorCode::kUsage, "its finish_reason is not one that this medgen knows");
}

Completion completion_of(const Json& json) {
  Completion completion;
  completion.index = json.at("index").get<int>();
  completion.text = json.at("text").get<std::string>();
  completion.finish_reason = finish_reason_of(json.at("finish_reason").get<std::string>());
  completion.num_tokens = json.at("num_tokens").get<int>();
  completion.logprob = json.at("logprob").get<double>();
  if (json.contains("beam_score")) completion.beam_score = json["beam_score"].get<double>();
  if (json.contains("tokens")) completion.tokens = json["tokens"].get<std::vector<TokenId>>();
  return completion;
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
  run.key = provenance.at("key").get<std::uint64_t>();
  run.prompt_tokens = provenance.at("prompt_tokens").get<std::size_t>();
  run.sampling = provenance.at("sampling");
  run.settings = engine::make_settings(run.sampling, {});
  run.settings.sampling.seed = provenance.at("seed").get<std::uint64_t>();
  for (const Json& completion : json.at("completions")) {
    run.completions.push_back(completion_of(completion));
  }
}

RecordedRun run_of(const Json& json, std::uint64_t line) {
  RecordedRun run;
  run.line = line;
  if (!json.is_object()) {
    run.obstacle = "it is not a JSON object";
    return run;
  }
  run.id = json.contains("custom_id") ? json["custom_id"] : json.value("id", Json());
  run.setting = json.value("setting", Json());
  if (json.contains("error") && !json["error"].is_null()) {
    run.obstacle = "it is the record of a failed row";
  } else if (json.contains("response")) {
    run.obstacle = "OpenAI's form holds no prompt";
  } else {
    try {
      take_record(json, run);
    } catch (const Error& error) {
      run.obstacle = error.what();
    } catch (const Json::exception&) {
      run.obstacle = "it lacks something: its prompt, a part of its provenance or of a completion";
    }
  }
  return run;
}

// JSON over several lines.
void read_whole(const std::filesystem::path& file,
                const std::function<void(RecordedRun&&)>& visit) {
  const std::string text = base::read_file(file, kMaxWholeFileBytes, ErrorCode::kUsage);
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() && !json.is_array()) {
    throw Error(
        ErrorCode::kUsage,
        file.string() + " holds no JSON records: give what generate --json, batch or sweep wrote");
  }
  if (json.is_object()) return visit(run_of(json, 1));
  for (const Json& record : json) visit(run_of(record, 1));
}

}  // namespace

void read_recorded_runs(const std::filesystem::path& file,
                        const std::function<void(RecordedRun&&)>& visit) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file)) {
    throw Error(ErrorCode::kUsage, "cannot read " + file.string());
  }
  std::string text;
  for (std::uint64_t line = 1; std::getline(stream, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (line == 1 && !json.is_object()) return read_whole(file, visit);
    visit(run_of(json, line));
  }
}

std::vector<Difference> compare(const std::vector<Completion>& recorded,
                                const std::vector<Completion>& now) {
  std::vector<Difference> differences;
  for (std::size_t i = 0; i < std::max(recorded.size(), now.size()); ++i) {
    Difference found;
    if (i >= recorded.size() || i >= now.size()) {
      found.index = static_cast<int>(i);
      found.fields = {"number of texts"};
      differences.push_back(std::move(found));
      continue;
    }
    const Completion& then = recorded[i];
    const Completion& made = now[i];
    found.index = then.index;
    const auto check = [&](const char* field, bool same) {
      if (!same) found.fields.emplace_back(field);
    };
    check("index", then.index == made.index);
    check("text", then.text == made.text);
    check("finish_reason", then.finish_reason == made.finish_reason);
    check("num_tokens", then.num_tokens == made.num_tokens);
    check("tokens", then.tokens.empty() || then.tokens == made.tokens);
    check("logprob", then.logprob == made.logprob);
    check("beam_score", then.beam_score == made.beam_score);
    if (then.text != made.text) {
      const auto at =
          std::mismatch(then.text.begin(), then.text.end(), made.text.begin(), made.text.end());
      found.first_byte = static_cast<std::size_t>(at.first - then.text.begin());
    }
    if (!found.fields.empty()) differences.push_back(std::move(found));
  }
  return differences;
}

}  // namespace medgen::records
