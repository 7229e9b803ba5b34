// Looks for words that a test has put into a prompt, as text and as the ids of their tokens.
// Knows nothing of the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::attacks {

// Words that no other file holds; a part of a prompt still holds one of them.
inline const std::string kCanary = "zebraquartz walrusfjord quincemarimba";

// Lines of JSON for a corpus: 600 documents that begin with `beginning` and differ, in words enough
// for a vocabulary.
std::string documents(const std::string& beginning);

class CanarySearch {
 public:
  explicit CanarySearch(const Tokenizer& tokenizer);

  // In what forms `bytes` hold a word of it: "text", "ids of 16 bits", "ids as decimals", ...
  std::vector<std::string> forms_in(std::string_view bytes) const;

 private:
  std::vector<std::string> words_;
  std::vector<std::pair<std::string, std::string>> binary_;  // form, bytes
  std::vector<std::string> decimals_;                        // " 12 34 "
};

// The default model without packed weights, so that the first run packs them there.
void copy_model(const std::filesystem::path& to);

// Variables that name every folder that a program may write to by habit, in `tree`.
std::map<std::string, std::string> folders_of_habit(const std::filesystem::path& tree);

// The regular files below a folder, and what changes when they are written.
struct FileState {
  std::uintmax_t size = 0;
  std::filesystem::file_time_type time;
  bool operator==(const FileState&) const = default;
};
using FilesBelow = std::map<std::filesystem::path, FileState>;

FilesBelow files_below(const std::filesystem::path& folder);

// "FILE: FORM" for every file below `folder` that is new or changed since `before`, is none of
// `outputs`, and holds the canary in its bytes or its name.
std::vector<std::string> leaks(const CanarySearch& search, const std::filesystem::path& folder,
                               const FilesBelow& before,
                               const std::vector<std::filesystem::path>& outputs);

}  // namespace medgen::attacks
