// Records read back: as this medgen and earlier ones write them, and plain ones from other
// programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "records/record.h"

namespace medgen::records {

// Where a record stands, for messages.
struct Place {
  std::string file;
  std::uint64_t line = 0;     // where it begins, from 1
  std::uint64_t element = 0;  // of the array on that line, from 1; 0: it is no element
  // The record as it is spelled, where that is known; valid while it is visited.
  std::string_view text = {};
};

// A text with what its record says of it.
struct RecordedText {
  int index = 0;  // of the record's texts
  std::string text;
  std::vector<TokenId> tokens;         // generated; empty: unknown
  int num_tokens = 0;                  // generated, an EOS included; 0: unknown
  std::optional<double> logprob;       // the model's, summed over num_tokens, natural
  std::optional<double> mean_entropy;  // of the model's distribution over num_tokens, nats
  std::string finish_reason;           // empty: unknown
};

// What a record says of its origin; records of other programs may say less.
struct RecordedOrigin {
  std::optional<std::string> model_name, model_sha256;
  Json sampling;  // null if unknown
};

// All that is needed to make a record again.
struct RecordedRun {
  std::uint64_t line = 0;
  Json id, setting;
  std::string prompt;
  std::vector<TokenId> prompt_ids;  // what to feed in its place; empty: nothing
  bool specials = false;            // special tokens of the prompt were read as such
  std::uint64_t key = 0;
  std::size_t prompt_tokens = 0;
  DecodingSettings settings;
  Json sampling;  // the settings as written
  std::string medgen, model_name, model_sha256, backend, precision;
  std::vector<Completion> completions;  // without tokens, unless they are in the record
  std::vector<std::string> doubts;      // about its numbers, if it cannot be made again as it is
  std::optional<std::string> obstacle;  // why it cannot be made again
  bool failed = false;                  // of a row that failed: there is nothing to make
};

class RecordReader {
 public:
  // Throws Error(kUsage) that names the place if the record's format is newer than
  // kNewestRecordFormat.
  RecordReader(Json json, const Place& place);

  // Its members that are neither what medgen writes nor what the texts are known by, as they are
  // spelled: the fields that a row carried through.
  std::vector<Field> carried() const;

  int format() const { return format_; }
  const Json& json() const { return json_; }

  // What stands for the id of a record without one: its line, or its number in an array.
  std::string number() const;

  // "line 3", or "line 1, element 2".
  std::string place() const;

  // Whether it is the record of a failed row.
  bool failed() const;

  // Of records of any program. Throw Error(kRuntime) that says what is missing or wrong.
  std::string id(const std::string& otherwise) const;
  std::string setting(const std::string& otherwise) const;
  std::string prompt() const;
  // Of records of medgen that say so.
  std::vector<TokenId> prompt_ids() const;
  bool specials() const;
  std::vector<RecordedText> texts() const;  // those of "completions", OpenAI's form, ...
  RecordedOrigin origin() const;

  // Of records of medgen. What it lacks is its obstacle.
  RecordedRun run() const;

  // Whether it was made for a row with these, apart from prompt_ids() and specials().
  bool is_of(const Json& id, const std::string& prompt, const std::vector<Field>& extras) const;
  bool is_openai_of(const Json& id) const;
  std::uint64_t num_tokens() const;  // of all texts; 0 in OpenAI's form

 private:
  Json json_;
  Place place_;
  int format_;
};

}  // namespace medgen::records
