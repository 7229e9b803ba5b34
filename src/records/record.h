// What a record is: what was generated, with what, from what. Other rooms fill records in and take
// them apart; how they look in a file is known to writer.h and reader.h alone.
#pragma once

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/backend.h"
#include "medgen/generate.h"

namespace medgen::records {

using Json = nlohmann::ordered_json;

// The "format" of JSON records: raised when an older program would misread new ones. Those of
// medgen 0.1 have no number, which counts as 0.
inline constexpr int kRecordFormat = 1;
// That of records whose prompt was given as ids, or read with special tokens.
inline constexpr int kPromptFormat = 2;
inline constexpr int kNewestRecordFormat = kPromptFormat;

// What a record is written as.
enum class Form {
  kJson,    // generate --json, batch: a line of JSON
  kSweep,   // the same for one setting, with the tokens and the mean entropy of each text
  kOpenAi,  // a line of OpenAI's batch output
  kCsv,     // a line for each text, in which no cell is a formula of a spreadsheet
  kRawCsv,  // the same with cells as they are
  kText,    // the same, without its origin
};

inline bool is_table(Form form) { return form == Form::kCsv || form == Form::kRawCsv; }

// Members of a JSON record, whose names no field of a row may have.
inline constexpr std::array<std::string_view, 8> kMembers = {
    "id", "format", "prompt", "completions", "error", "provenance", "generated", "notice"};

inline bool is_member(std::string_view name) {
  return std::find(kMembers.begin(), kMembers.end(), name) != kMembers.end();
}

// What the records of an output have in common.
struct Origin {
  std::string model_name;
  std::string model_sha256;
  BackendInfo backend;
  const Tokenizer* tokenizer = nullptr;  // for the texts of single tokens, where they are asked for
};

// Why there is no text. The message never holds any of the prompt.
struct RecordError {
  std::string code;  // "invalid_json", "no_prompt", ...; the list is in docs/SCALING.md
  std::string message;
};

// A field of a row that is carried through, with its value as the row spells it: 1.10 and
// 12345678901234567890123 stay what they are.
struct Field {
  std::string name;
  std::string json;
};

// The texts of one prompt under one setting, with enough to regenerate them.
struct Record {
  Json id;
  std::string setting;  // its name in a sweep
  std::string prompt;
  std::vector<TokenId> prompt_ids = {};  // as they were given; empty: the prompt was a text
  bool specials = false;                 // the text's special tokens were read as such
  // All of several, of which the above is the first; each has equally many completions, in order.
  std::vector<std::string> prompts = {};
  std::size_t more_prompt_tokens = 0;  // of those behind the first
  std::vector<Field> extras;
  Request request;  // request.id keys the random numbers, besides the seed
  std::vector<Completion> completions;
  std::optional<RecordError> error;  // then the members after `setting` do not count

  // What was done about identifiers of patients, if anything, and their classes in the texts.
  std::string identifiers = {};
  std::vector<std::string> identifiers_found = {};
};

}  // namespace medgen::records
