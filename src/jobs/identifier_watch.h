// What --identifiers does to the rows of a batch and to documents for training: looks for what may
// identify somebody, then counts, refuses or masks it. Prints nothing.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
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
  // tokenized. The maker may outlive this. Throws Error(kUsage) if the former is refused.
  void watch_prompts(batch::RequestMaker& maker);
  // Looks at the generated texts too; for each finished row, on one thread.
  void watch_texts(const batch::BatchRow& row, records::Record& record);
  // What to tell the user at the end; empty where nothing was looked at.
  std::string summary() const;

 private:
  safety::IdentifierAction action_;
  std::uint64_t rows_ = 0;
  IdentifierTally prompts_, texts_;
  std::vector<std::string> in_negative_prompt_;  // classes, of the one of all rows
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
