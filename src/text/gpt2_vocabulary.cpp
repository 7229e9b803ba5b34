// Reads the files of a byte-level BPE vocabulary: see gpt2_vocabulary.h.
#include "text/gpt2_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::text {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

constexpr std::uint64_t kMaxFileBytes = 64ULL << 20;  // the largest in use have 20 MB
// Four times the largest in use; larger ids would only cost memory and the first start its time.
constexpr std::int64_t kMaxVocabSize = 1 << 20;
// An id without a token costs 64 bytes, so the file must be long enough for its highest id: this
// many, and one for each 12 bytes, the shortest entry of a large vocabulary.
constexpr std::size_t kMaxHoles = 1 << 16;
constexpr std::size_t kBytesOfEntry = 12;

[[noreturn]] void fail(const Path& file, const std::string& what) {
  throw Error(ErrorCode::kModel, file.string() + ": " + what);
}

// A token in a message: short, valid UTF-8, no control characters.
std::string in_quotes(std::string_view token) {
  std::string text = replace_invalid_utf8(token.substr(0, 40));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return "'" + text + (token.size() > 40 ? "…'" : "'");
}

// The library's own message would quote the text.
[[noreturn]] void fail_as_json(const Path& file, std::string_view text) {
  fail(file, fmt::format("is {}; get the file again", base::json_fault(text, "not valid JSON")));
}

Json parse_tokenizer_json(const Path& file, const std::string& text) {
  Json value = base::parse_json<Json>(text);
  if (value.is_discarded()) fail_as_json(file, text);
  return value;
}

[[noreturn]] void fail_at_id(const Path& file, std::string_view token, const std::string& id) {
  fail(file, fmt::format("token {} has the id {}; ids are whole numbers from 0 to {}",
                         in_quotes(token), id.substr(0, 40), kMaxVocabSize - 1));
}

TokenId token_id(const Path& file, std::string_view token, const Json& value) {
  if (!value.is_number_integer() || value < 0 || value >= kMaxVocabSize) {
    fail_at_id(file, token, value.dump(-1, ' ', true));
  }
  return value.get<TokenId>();
}

[[noreturn]] void fail_without_vocabulary(const Path& file) {
  fail(file, "holds no vocabulary: expected an object {\"token\": id, …} with entries");
}

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

// The vocabulary under construction: pieces by id, ids by piece.
struct Builder {
  const Path& file;
  Gpt2Vocabulary result;
  std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>> ids;
  std::string merged;  // scratch

  std::size_t most_ids;

  Builder(const Path& vocabulary_file, std::size_t file_bytes)
      : file(vocabulary_file), most_ids(kMaxHoles + file_bytes / kBytesOfEntry) {}

  void add(const std::string& token, TokenId id) {
    if (token.empty()) fail(file, "a token is empty");
    const auto slot = static_cast<std::size_t>(id);
    if (slot >= most_ids) {
      fail(file,
           fmt::format("token {} has the id {}, but a file of this length has no more than {} "
                       "tokens; number the tokens without gaps",
                       in_quotes(token), id, most_ids));
    }
    if (slot >= result.pieces.size()) result.pieces.resize(slot + 1);
    if (!result.pieces[slot].empty()) {
      fail(file, fmt::format("tokens {} and {} have the same id {}", in_quotes(result.pieces[slot]),
                             in_quotes(token), id));
    }
    result.pieces[slot] = token;
    if (!ids.emplace(token, id).second) fail(file, "token " + in_quotes(token) + " appears twice");
  }

  void add_all(const Json& vocabulary) {
    if (!vocabulary.is_object() || vocabulary.empty()) fail_without_vocabulary(file);
    ids.reserve(vocabulary.size());
    for (const auto& [token, id] : vocabulary.items()) add(token, token_id(file, token, id));
  }

  void add_merge(const Path& where, const std::string& place, std::string_view left,
                 std::string_view right) {
    const auto id = [&](std::string_view token) {
      const auto found = ids.find(token);
      if (found == ids.end()) {
        fail(where, place + ": " + in_quotes(token) + " is not in the vocabulary");
      }
      return found->second;
    };
    merged.assign(left).append(right);
    result.merges.push_back({id(left), id(right), id(merged)});
  }
};

// Adds a vocab.json as it is read: a tree of its tens of thousands of entries would take longer to
// build and destroy than everything else in opening a model.
class VocabularyReader : public nlohmann::json_sax<Json> {
 public:
  explicit VocabularyReader(Builder& builder) : builder_(builder) {}

  bool start_object(std::size_t) override {
    if (depth_++ > 0) fail_at_id(builder_.file, token_, "{");
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
    if (depth_ == 0) fail_without_vocabulary(builder_.file);
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
    if (depth_ == 0) fail_without_vocabulary(builder_.file);
    fail_at_id(builder_.file, token_, value);
  }

  Builder& builder_;
  std::string token_;
  int depth_ = 0;
};

// "left right", one space between; nothing if it is anything else.
using Pair = std::pair<std::string_view, std::string_view>;
std::optional<Pair> split_merge(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return Pair{line.substr(0, space), line.substr(space + 1)};
}

void read_merges(const Path& file, Builder& builder) {
  const std::string text = base::read_file(file, kMaxFileBytes, ErrorCode::kModel);
  std::string_view rest = text;
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  builder.result.merges.reserve(std::min(lines, builder.ids.size()));
  for (std::size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const std::string place = fmt::format("line {}", number);
    const auto merge = split_merge(line);
    if (!merge) {
      fail(file, place + ": expected two tokens with one space between, found " + in_quotes(line));
    }
    builder.add_merge(file, place, merge->first, merge->second);
  }
}

std::string text_or(const Json& object, const char* key, const std::string& otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

// How messages describe a part of tokenizer.json: its type, or null.
std::string type_of(const Json& part) {
  return part.is_object() ? text_or(part, "type", "without a type") : part.dump().substr(0, 40);
}

bool is_set(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null() && *found != false && *found != 0 &&
         *found != "";
}

// Only what changes ids is checked: not truncation, padding, the post-processor (it adds BOS and
// EOS, which encode() never does) or the decoder.
void require_supported(const Path& file, const Json& root) {
  if (is_set(root, "normalizer")) {
    fail(file, "has the normalizer " + in_quotes(type_of(root["normalizer"])) +
                   "; only byte-level BPE without a normalizer is supported");
  }
  const Json pre = root.value("pre_tokenizer", Json());
  if (!pre.is_object() || type_of(pre) != "ByteLevel") {
    fail(file,
         "has the pre-tokenizer " + in_quotes(type_of(pre)) + "; only 'ByteLevel' is supported");
  }
  if (pre.value("use_regex", Json(true)) != true) {
    fail(file,
         "has a ByteLevel pre-tokenizer with use_regex false; only GPT-2's own pattern is "
         "supported");
  }
  const Json& model = root["model"];
  const std::string type = type_of(model);
  if (type != "BPE")
    fail(file, "has a model of type " + in_quotes(type) + "; only 'BPE' is supported");
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
    if (is_set(model, key)) {
      fail(file, std::string("has the model setting '") + key + "' = " +
                     model[key].dump(-1, ' ', true).substr(0, 40) + ", which is not supported");
    }
  }
}

void read_json_merges(const Path& file, const Json& merges, Builder& builder) {
  if (!merges.is_array()) fail(file, "model.merges is not a list");
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const Json& entry = merges[i];
    const std::string place = fmt::format("model.merges[{}]", i);
    std::optional<Pair> merge;
    if (entry.is_string()) {
      merge = split_merge(entry.get_ref<const std::string&>());
    } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() &&
               entry[1].is_string()) {
      merge = Pair{entry[0].get_ref<const std::string&>(), entry[1].get_ref<const std::string&>()};
    }
    if (!merge) fail(file, place + ": expected \"left right\" or [\"left\", \"right\"]");
    builder.add_merge(file, place, merge->first, merge->second);
  }
}

void read_added_tokens(const Path& file, const Json& added, Builder& builder) {
  if (added.is_null()) return;
  if (!added.is_array()) fail(file, "added_tokens is not a list");
  for (const Json& entry : added) {
    const std::string text = entry.is_object() ? text_or(entry, "content", "") : "";
    if (text.empty()) fail(file, "added_tokens has an entry without content");
    for (const char* key : {"single_word", "lstrip", "rstrip"}) {
      if (is_set(entry, key)) {
        fail(file,
             "added token " + in_quotes(text) + " has '" + key + "' set, which is not supported");
      }
    }
    const TokenId id = token_id(file, text, entry.value("id", Json()));
    const auto known = builder.ids.find(text);
    if (known == builder.ids.end()) {
      builder.add(text, id);
    } else if (known->second != id) {
      fail(file, fmt::format("added token {} has the id {}, but the vocabulary gives it {}",
                             in_quotes(text), id, known->second));
    }
    builder.result.added.push_back({text, id, is_set(entry, "special")});
  }
}

}  // namespace

Gpt2Vocabulary read_vocab_and_merges(const Path& vocab_json, const Path& merges_txt) {
  const std::string text = base::read_file(vocab_json, kMaxFileBytes, ErrorCode::kModel);
  Builder builder(vocab_json, text.size());
  builder.ids.reserve(text.size() / 16);
  VocabularyReader reader(builder);
  if (!base::read_json<Json>(text, reader)) fail_as_json(vocab_json, text);
  if (builder.ids.empty()) fail_without_vocabulary(vocab_json);
  read_merges(merges_txt, builder);
  const auto end = builder.ids.find(kEndOfText);
  if (end != builder.ids.end()) builder.result.added.push_back({kEndOfText, end->second, true});
  return std::move(builder.result);
}

Gpt2Vocabulary read_tokenizer_json(const Path& tokenizer_json) {
  const std::string text = base::read_file(tokenizer_json, kMaxFileBytes, ErrorCode::kModel);
  const Json root = parse_tokenizer_json(tokenizer_json, text);
  if (!root.is_object() || !root.contains("model")) {
    fail(tokenizer_json, "is not a Hugging Face tokenizer.json: it has no \"model\"");
  }
  require_supported(tokenizer_json, root);
  Builder builder(tokenizer_json, text.size());
  const Json& model = root["model"];
  builder.add_all(model.value("vocab", Json()));
  read_json_merges(tokenizer_json, model.value("merges", Json()), builder);
  read_added_tokens(tokenizer_json, root.value("added_tokens", Json()), builder);
  builder.result.add_prefix_space = is_set(root["pre_tokenizer"], "add_prefix_space");
  builder.result.ignore_merges = is_set(model, "ignore_merges");
  return std::move(builder.result);
}

}  // namespace medgen::text
