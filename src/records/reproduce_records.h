// Records as `generate --json`, `batch` and `sweep` write them, read back: what was requested, what
// came of it, and where two such results differ. Must not know of models' files or of how text is
// made; never quotes prompts or texts.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "medgen/generate.h"

namespace medgen::records {

// What a record says of itself.
struct RecordedRun {
  std::uint64_t line = 0;  // where it begins in its file, from 1
  nlohmann::ordered_json id, setting;
  std::string prompt;
  std::uint64_t key = 0;
  std::size_t prompt_tokens = 0;
  DecodingSettings settings;
  nlohmann::ordered_json sampling;  // the settings as written
  std::string medgen, model_name, model_sha256, backend, precision;
  std::vector<Completion> completions;  // without tokens, unless they are in the record
  std::optional<std::string> obstacle;  // why it cannot be regenerated
};

// Calls `visit` with every record of a file of JSON lines, or of one JSON object or array. A record
// that lacks something has an obstacle. Throws Error(kUsage) if the file holds neither.
void read_recorded_runs(const std::filesystem::path& file,
                        const std::function<void(RecordedRun&&)>& visit);

// One text that differs.
struct Difference {
  int index = 0;
  std::vector<std::string> fields;        // "text", "logprob", ...
  std::optional<std::size_t> first_byte;  // of the text that differs
};

std::vector<Difference> compare(const std::vector<Completion>& recorded,
                                const std::vector<Completion>& now);

}  // namespace medgen::records
