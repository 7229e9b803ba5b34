// Reads vocab.json and merges.txt, as published with GPT-2.
#include "text/gpt2_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "text/vocabulary_builder.h"
#include "text/vocabulary_reader.h"

namespace medgen::text {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

void read_merges(const Path& file, VocabularyBuilder& builder) {
  const std::string text = base::read_file(file, kMaxVocabularyBytes, ErrorCode::kModel);
  std::string_view rest = text;
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  builder.result.merges.reserve(std::min(lines, builder.result.ids.size()));
  for (std::size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const std::string place = fmt::format("line {}", number);
    const auto merge = split_merge(line);
    if (!merge) {
      refuse_file(file,
                  place + ": expected two tokens with one space between, found " + in_quotes(line));
    }
    builder.add_merge(file, place, merge->first, merge->second);
  }
}

}  // namespace

Gpt2Vocabulary read_vocab_and_merges(const Path& vocab_json, const Path& merges_txt) {
  const std::string text = base::read_file(vocab_json, kMaxVocabularyBytes, ErrorCode::kModel);
  VocabularyBuilder builder(vocab_json, text.size());
  builder.result.ids.reserve(text.size() / 16);
  VocabularyReader reader(builder);
  if (!base::read_json<Json>(text, reader)) refuse_as_json(vocab_json, text);
  if (builder.result.ids.empty()) refuse_without_vocabulary(vocab_json);
  read_merges(merges_txt, builder);
  const auto end = builder.result.ids.find(kEndOfText);
  if (end != builder.result.ids.end()) {
    builder.result.added.push_back({.text = kEndOfText, .id = end->second, .special = true});
    builder.result.roles.bos = builder.result.roles.eos = end->second;
  }
  return std::move(builder.result);
}

}  // namespace medgen::text
