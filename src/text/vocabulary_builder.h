// What the readers of byte-level BPE vocabularies share: a vocabulary under construction, and how
// they refuse what is wrong with it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "text/added_token_list.h"
#include "text/gpt2_vocabulary.h"

namespace medgen::text {

constexpr std::uint64_t kMaxVocabularyBytes = 64ULL << 20;  // the largest in use have 20 MB
// Four times the largest in use; larger ids would only cost memory and the first start its time.
constexpr std::int64_t kMaxVocabSize = 1 << 20;

[[noreturn]] void refuse_file(const std::filesystem::path& file, const std::string& what);

// A token in a message: short, valid UTF-8, no control characters.
std::string in_quotes(std::string_view token);

// The library's own message would quote the text.
[[noreturn]] void refuse_as_json(const std::filesystem::path& file, std::string_view text);
[[noreturn]] void refuse_id(const std::filesystem::path& file, std::string_view token,
                            const std::string& id);
[[noreturn]] void refuse_without_vocabulary(const std::filesystem::path& file);

// Reads a JSON file whole, bounded.
nlohmann::json read_bounded_json(const std::filesystem::path& file);

TokenId token_id(const std::filesystem::path& file, std::string_view token,
                 const nlohmann::json& value);

// "left right", one space between; nothing if it is anything else.
using MergePair = std::pair<std::string_view, std::string_view>;
std::optional<MergePair> split_merge(std::string_view line);

// What added tokens are checked against, and where they go. `vocabulary` must outlive the first.
AddedTokenList::Model model_of(const Gpt2Vocabulary& vocabulary);
void set_added_tokens(Gpt2Vocabulary& vocabulary, const AddedTokenList& tokens);

// The vocabulary under construction: pieces by id, ids by piece.
class VocabularyBuilder {
 public:
  VocabularyBuilder(const std::filesystem::path& vocabulary_file, std::size_t file_bytes);

  void add(const std::string& token, TokenId id);
  void add_merge(const std::filesystem::path& where, const std::string& place,
                 std::string_view left, std::string_view right);

  const std::filesystem::path& file() const { return file_; }
  Gpt2Vocabulary result;

 private:
  const std::filesystem::path& file_;
  std::string merged_;  // scratch
  std::size_t most_ids_;
};

}  // namespace medgen::text
