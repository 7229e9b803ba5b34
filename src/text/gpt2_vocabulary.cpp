// Reads vocab.json and merges.txt, as published with GPT-2.
#include "text/gpt2_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "text/vocabulary_builder.h"

namespace medgen::text {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

// Adds a vocab.json as it is read: a tree of its tens of thousands of entries would take longer to
// build and destroy than everything else in opening a model.
class VocabularyReader : public nlohmann::json_sax<Json> {
 public:
  explicit VocabularyReader(VocabularyBuilder& builder) : builder_(builder) {}

  bool start_object(std::size_t) override {
    if (depth_++ > 0) refuse_id(builder_.file(), token_, "{");
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(std::string& token) override {
    token_ = token;
    return true;
  }
  bool number_unsigned(std::uint64_t id) override {
    if (id >= std::uint64_t{kMaxVocabSize}) return other(fmt::to_string(id));
    if (depth_ == 0) refuse_without_vocabulary(builder_.file());
    builder_.add(token_, static_cast<TokenId>(id));
    return true;
  }
  bool number_integer(std::int64_t id) override { return other(fmt::to_string(id)); }
  bool number_float(double, const std::string& text) override { return other(text); }
  bool null() override { return other("null"); }
  bool boolean(bool value) override { return other(value ? "true" : "false"); }
  bool string(std::string& text) override { return other(Json(text).dump(-1, ' ', true)); }
  bool binary(Json::binary_t&) override { return other("binary"); }
  bool start_array(std::size_t) override { return other("["); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  bool other(const std::string& value) {
    if (depth_ == 0) refuse_without_vocabulary(builder_.file());
    refuse_id(builder_.file(), token_, value);
  }

  VocabularyBuilder& builder_;
  std::string token_;
  int depth_ = 0;
};

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
