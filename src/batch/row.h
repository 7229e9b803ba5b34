// One row of a batch: what was asked, or what is wrong with it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "medgen/generate.h"
#include "records/record.h"

namespace medgen::batch {

using Json = nlohmann::ordered_json;

using RowError = records::RecordError;  // why a row has no result

inline constexpr const char* kDuplicateId = "duplicate_id";  // the code of a row whose id is taken

inline constexpr const char* kUnclearField = "unclear_field";  // named as a setting: FieldChoice

enum class RowForm {
  kPlain,   // {"id", "prompt", ...}, a CSV record, a line of text
  kOpenAi,  // {"custom_id", "method", "url", "body"}
};

// One of several prompts of a row: a text, or ids.
struct RowPrompt {
  std::string text;
  std::vector<TokenId> ids = {};
};

struct BatchRow {
  std::uint64_t position = 0;  // in the whole input, from 0
  RowForm form = RowForm::kPlain;
  Json id;                             // as the row gives it, or its number from 1
  std::optional<std::string> id_text;  // ids are equal if this is; none without an id
  std::uint64_t key = 0;               // of its random numbers
  std::string prompt;
  std::vector<TokenId> prompt_ids = {};  // in place of a text, unless empty
  // All of several, of which the above is the first; only in OpenAI's form.
  std::vector<RowPrompt> prompts = {};
  std::optional<bool> specials = {};   // whether the text's special tokens are read as such
  std::vector<records::Field> extras;  // fields that are carried through
  Json settings = Json::object();      // fields that override settings
  std::optional<RowError> error;

  // Classes of identifiers in the prompt, where they are looked for.
  std::vector<std::string> identifiers = {};
};

// A finished row.
struct FinishedRow {
  BatchRow row;  // row.error says that it failed
  Request request;
  std::vector<Completion> completions;
  std::size_t more_prompt_tokens = 0;  // of several prompts, those behind the first
};

// The random key of a row with an id: the first 64 bits, big-endian, of SHA-256("medgen row " +
// id). Rows without one use their number, position + 1.
std::uint64_t key_of_id(const std::string& id);
// Of one of a row's several prompts, from 0: the first has the row's own key, the others that of
// "prompt NUMBER of KEY".
std::uint64_t key_of_prompt(std::uint64_t row_key, std::size_t prompt);

}  // namespace medgen::batch
