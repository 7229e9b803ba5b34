// What --identifiers does to a prompt, to the rows of a batch or a sweep and to documents for
// training: looks for what may identify somebody, then counts, refuses or masks it. Prints nothing.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batch/request_maker.h"
#include "batch/row.h"
#include "corpus/documents.h"
#include "records/record.h"
#include "safety/identifiers.h"

namespace medgen::jobs {

// Those that hold something, by class. They are named by their numbers: an id may itself identify
// somebody.
class IdentifierTally {
 public:
  void add(const std::vector<std::string>& classes, const std::string& holder);
  // "3 prompts (date 1, name 3; rows 1, 7, 9)", "1 prompt (date 1; row 4)"; "no prompts" if there
  // are none.
  std::string words(std::string_view what, std::string_view first, std::string_view firsts) const;

 private:
  std::uint64_t holders_ = 0;
  std::map<std::string, std::uint64_t> by_class_;
  std::vector<std::string> first_;
};

class RowIdentifiers {
 public:
  explicit RowIdentifiers(safety::IdentifierAction action) : action_(action) {}

  safety::IdentifierAction action() const { return action_; }
  bool looks() const { return action_ != safety::IdentifierAction::kOff; }

  // Looks at the negative prompt of all rows, and has every row's prompts looked at before they are
  // tokenized. The maker, whose tokenizer is set, may outlive this. Throws Error(kUsage) if the
  // former is refused.
  void watch_prompts(batch::RequestMaker& maker);
  // The same for the negative prompt of one of a sweep's settings.
  void watch_settings(batch::Json& given, const Tokenizer& tokenizer);
  // Looks at the generated texts too, and marks the row's records; for each finished row, on one
  // thread.
  void watch_texts(const batch::BatchRow& row, std::span<records::Record> records);
  // What to tell the user at the end; empty where nothing was looked at.
  std::string summary() const;

 private:
  safety::IdentifierAction action_;
  std::uint64_t rows_ = 0;
  IdentifierTally prompts_, texts_;
  std::vector<std::string> in_negative_prompt_;  // classes, of the one of all rows
};

// Of one prompt and the texts that continue it: these are few enough to say where in them.
class PromptIdentifiers {
 public:
  explicit PromptIdentifiers(safety::IdentifierAction action) : action_(action) {}

  bool looks() const { return action_ != safety::IdentifierAction::kOff; }

  // May mask the prompt. Throws Error(kUsage) if it is refused, as the others do.
  void watch_prompt(std::string& prompt);
  // What a prompt of token ids spells.
  void watch_spelled_ids(const std::string& prompt);
  // The negative prompt.
  void watch_settings(SamplingParams& settings, const Tokenizer& tokenizer);
  // Each text that comes out, once.
  void watch_text(const Completion& completion);
  // After the texts.
  void mark(records::Record& record) const;
  // What to tell the user at the end; empty where nothing was looked at.
  std::string summary() const;

 private:
  void keep(const std::optional<std::string>& refusal, const std::vector<std::string>& places);

  safety::IdentifierAction action_;
  std::size_t texts_ = 0;
  std::vector<std::string> places_;    // "the prompt (date at column 3 (9 characters))"
  std::vector<std::string> in_texts_;  // classes
};

class DocumentIdentifiers {
 public:
  explicit DocumentIdentifiers(safety::IdentifierAction action) : action_(action) {}

  // For corpus::ReadOptions::look. Throws Error(kUsage) that names the file and the document if
  // what it holds is refused.
  void look(const std::filesystem::path& file, std::uint64_t number, corpus::Document& document);
  std::string summary() const;

 private:
  safety::IdentifierAction action_;
  std::map<std::filesystem::path, std::uint64_t> seen_;  // documents, of files read more than once
  IdentifierTally documents_;
};

}  // namespace medgen::jobs
