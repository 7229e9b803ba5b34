// See vocabulary_builder.h.
#include "text/vocabulary_builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::text {
namespace {

using Path = std::filesystem::path;

// An id without a token costs 64 bytes, so the file must be long enough for its highest id: this
// many, and one for each 12 bytes, the shortest entry of a large vocabulary.
constexpr std::size_t kMaxHoles = 1 << 16;
constexpr std::size_t kBytesOfEntry = 12;

}  // namespace

void refuse_file(const Path& file, const std::string& what) {
  throw Error(ErrorCode::kModel, file.string() + ": " + what);
}

std::string in_quotes(std::string_view token) {
  std::string text = replace_invalid_utf8(token.substr(0, 40));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return "'" + text + (token.size() > 40 ? "…'" : "'");
}

void refuse_as_json(const Path& file, std::string_view text) {
  refuse_file(file,
              fmt::format("is {}; get the file again", base::json_fault(text, "not valid JSON")));
}

nlohmann::json read_bounded_json(const Path& file) {
  const std::string text = base::read_file(file, kMaxVocabularyBytes, ErrorCode::kModel);
  auto value = base::parse_json<nlohmann::json>(text);
  if (value.is_discarded()) refuse_as_json(file, text);
  return value;
}

void refuse_id(const Path& file, std::string_view token, const std::string& id) {
  refuse_file(file, fmt::format("token {} has the id {}; ids are whole numbers from 0 to {}",
                                in_quotes(token), id.substr(0, 40), kMaxVocabSize - 1));
}

TokenId token_id(const Path& file, std::string_view token, const nlohmann::json& value) {
  if (!value.is_number_integer() || value < 0 || value >= kMaxVocabSize) {
    refuse_id(file, token, value.dump(-1, ' ', true));
  }
  return value.get<TokenId>();
}

void refuse_without_vocabulary(const Path& file) {
  refuse_file(file, "holds no vocabulary: expected an object {\"token\": id, …} with entries");
}

std::optional<MergePair> split_merge(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return MergePair{line.substr(0, space), line.substr(space + 1)};
}

AddedTokenList::Model model_of(const Gpt2Vocabulary& vocabulary) {
  return {.id_of = [&](const std::string& token) -> std::optional<TokenId> {
            const auto found = vocabulary.ids.find(token);
            return found == vocabulary.ids.end() ? std::nullopt : std::optional(found->second);
          },
          .token_of =
              [&](TokenId id) {
                const auto slot = static_cast<std::size_t>(id);
                return slot < vocabulary.pieces.size() ? vocabulary.pieces[slot] : std::string();
              },
          .size = static_cast<TokenId>(vocabulary.pieces.size())};
}

void set_added_tokens(Gpt2Vocabulary& vocabulary, const AddedTokenList& tokens) {
  vocabulary.added = tokens.by_id();
  for (const AddedTokenRule& rule : vocabulary.added) {
    const auto slot = static_cast<std::size_t>(rule.id);
    if (slot >= vocabulary.pieces.size()) vocabulary.pieces.resize(slot + 1);
    vocabulary.pieces[slot] = rule.text;
  }
}

VocabularyBuilder::VocabularyBuilder(const Path& vocabulary_file, std::size_t file_bytes)
    : file_(vocabulary_file), most_ids_(kMaxHoles + file_bytes / kBytesOfEntry) {}

void VocabularyBuilder::add(const std::string& token, TokenId id) {
  if (token.empty()) refuse_file(file_, "a token is empty");
  const auto slot = static_cast<std::size_t>(id);
  if (slot >= most_ids_) {
    refuse_file(file_,
                fmt::format("token {} has the id {}, but a file of this length has no more than {} "
                            "tokens; number the tokens without gaps",
                            in_quotes(token), id, most_ids_));
  }
  if (slot >= result.pieces.size()) result.pieces.resize(slot + 1);
  if (!result.pieces[slot].empty()) {
    refuse_file(file_, fmt::format("tokens {} and {} have the same id {}",
                                   in_quotes(result.pieces[slot]), in_quotes(token), id));
  }
  result.pieces[slot] = token;
  if (!result.ids.emplace(token, id).second)
    refuse_file(file_, "token " + in_quotes(token) + " appears twice");
}

void VocabularyBuilder::add_merge(const Path& where, const std::string& place,
                                  std::string_view left, std::string_view right) {
  const auto id = [&](std::string_view token) {
    const auto found = result.ids.find(token);
    if (found == result.ids.end()) {
      refuse_file(where, place + ": " + in_quotes(token) + " is not in the vocabulary");
    }
    return found->second;
  };
  merged_.assign(left).append(right);
  result.merges.push_back({id(left), id(right), id(merged_)});
}

}  // namespace medgen::text
