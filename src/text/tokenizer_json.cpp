// Reads a tokenizer.json, Hugging Face's file of a whole tokenizer. What could change ids and is
// not known is refused by name; docs/MODELS.md lists what is honoured, and what changes nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "text/added_token_list.h"
#include "text/gpt2_vocabulary.h"
#include "text/tokenizer_tree.h"
#include "text/vocabulary_builder.h"

namespace medgen::text {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

// GPT-2's pattern, as the libraries write it for a Split.
constexpr std::array<std::string_view, 2> kGpt2Patterns = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"};

std::string shown(const Json& value) { return in_quotes(value.dump(-1, ' ', true)); }

// How messages describe a part: its type, or null.
std::string type_of(const Json& part) {
  if (!part.is_object()) return part.dump(-1, ' ', true).substr(0, 40);
  const auto type = part.find("type");
  return type != part.end() && type->is_string() ? type->get<std::string>() : "without a type";
}

bool is_null(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null();
}

const Json& part_of(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

bool is_set(const Json& object, const char* key) {
  return !is_null(object, key) && object[key] != false && object[key] != 0 && object[key] != "";
}

// Reads the parts of one file.
class TokenizerJson {
 public:
  // The builder has the vocabulary already.
  TokenizerJson(const Path& file, const TokenizerTree& tree, VocabularyBuilder& builder)
      : file_(file), tree_(tree), root_(tree.root), builder_(builder) {}

  Gpt2Vocabulary read();

 private:
  [[noreturn]] void refuse(const std::string& what) const { refuse_file(file_, what); }
  bool flag(const Json& part, const char* key, bool otherwise) const;
  void allow(const Json& part, const std::string& name, std::initializer_list<const char*> keys);
  const std::vector<Json>& list(const Json& part, const std::string& name, const char* key) const;

  void check_whole();
  void read_normalizer(const Json& part);
  void read_pre_tokenizer(const Json& part, bool is_last);
  void read_split(const Json& part);
  void read_post_processor(const Json& part);
  void read_template(const Json& part);
  void read_pair_of_tokens(const Json& part);
  void check_decoder(const Json& part);
  void read_merges();
  void read_model();
  void read_added_tokens();

  const Path& file_;
  const TokenizerTree& tree_;
  const Json& root_;
  VocabularyBuilder& builder_;
  Gpt2Vocabulary result_;
};

bool TokenizerJson::flag(const Json& part, const char* key, bool otherwise) const {
  if (is_null(part, key)) return otherwise;
  if (!part[key].is_boolean())
    refuse(fmt::format("'{}' is {}; it must be true or false", key, shown(part[key])));
  return part[key].get<bool>();
}

void TokenizerJson::allow(const Json& part, const std::string& name,
                          std::initializer_list<const char*> keys) {
  for (const auto& [key, value] : part.items()) {
    if (std::ranges::find(keys, key) == keys.end() && key != "type") {
      refuse(fmt::format("{} has the key {}, which is not known, so it could change the tokens",
                         name, in_quotes(key)));
    }
  }
}

const std::vector<Json>& TokenizerJson::list(const Json& part, const std::string& name,
                                             const char* key) const {
  const auto found = part.find(key);
  if (found == part.end() || !found->is_array())
    refuse(fmt::format("{} has no list '{}'", name, key));
  return found->get_ref<const Json::array_t&>();
}

void TokenizerJson::check_whole() {
  allow(root_, "it",
        {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
         "post_processor", "decoder", "model"});
}

void TokenizerJson::read_normalizer(const Json& part) {
  using Step = NormalizerStep;
  if (part.is_null()) return;
  const std::string type = type_of(part);
  std::vector<Step>& steps = result_.normalizer;
  if (type == "Sequence") {
    allow(part, "the normalizer Sequence", {"normalizers"});
    for (const Json& one : list(part, "the normalizer Sequence", "normalizers"))
      read_normalizer(one);
  } else if (type == "Strip") {
    allow(part, "the normalizer Strip", {"strip_left", "strip_right"});
    if (flag(part, "strip_left", true)) steps.push_back(Step::kStripLeft);
    if (flag(part, "strip_right", true)) steps.push_back(Step::kStripRight);
  } else {
    static const std::array<std::pair<std::string_view, Step>, 5> kSteps = {
        {{"NFC", Step::kNfc},
         {"NFD", Step::kNfd},
         {"NFKC", Step::kNfkc},
         {"NFKD", Step::kNfkd},
         {"Lowercase", Step::kLowercase}}};
    const auto found = std::ranges::find(kSteps, type, &std::pair<std::string_view, Step>::first);
    if (found == kSteps.end()) {
      refuse("has the normalizer " + in_quotes(type) +
             "; supported are NFC, NFD, NFKC, NFKD, Lowercase, Strip and a Sequence of them");
    }
    allow(part, "the normalizer " + type, {});
    steps.push_back(found->second);
  }
  constexpr std::size_t kMaxSteps = 64;  // each reads the whole text
  if (steps.size() > kMaxSteps) refuse("has more than 64 normalizers");
}

void TokenizerJson::read_split(const Json& part) {
  allow(part, "the pre-tokenizer Split", {"pattern", "behavior", "invert"});
  const Json& pattern = part_of(part, "pattern");
  const Json& regex = part_of(pattern, "Regex");
  const bool is_gpt2 =
      regex.is_string() &&
      std::ranges::find(kGpt2Patterns, regex.get_ref<const std::string&>()) != kGpt2Patterns.end();
  if (!is_gpt2) {
    refuse("has the pre-tokenizer 'Split' with a pattern of its own; only GPT-2's is supported");
  }
  const Json& behavior = part_of(part, "behavior");
  const bool invert = flag(part, "invert", false);
  if (!(behavior == "Isolated" && !invert) && !(behavior == "Removed" && invert)) {
    refuse(
        fmt::format("has the pre-tokenizer 'Split' with the behavior {}{}; only 'Isolated' is "
                    "supported",
                    shown(behavior), invert ? ", inverted" : ""));
  }
  result_.pre_tokenizer.push_back(PreTokenizerStep::kGpt2Words);
}

// ByteLevel turns bytes into its own alphabet, so it comes last.
void TokenizerJson::read_pre_tokenizer(const Json& part, bool is_last) {
  const std::string type = type_of(part);
  std::vector<PreTokenizerStep>& steps = result_.pre_tokenizer;
  constexpr std::size_t kMaxSteps = 64;
  if (steps.size() > kMaxSteps) refuse("has more than 64 pre-tokenizers");
  if (type == "Sequence") {
    result_.is_plain_byte_level = false;
    allow(part, "the pre-tokenizer Sequence", {"pretokenizers"});
    const auto& parts = list(part, "the pre-tokenizer Sequence", "pretokenizers");
    if (parts.empty() && is_last) refuse("has no pre-tokenizer 'ByteLevel'");
    for (std::size_t i = 0; i < parts.size(); ++i)
      read_pre_tokenizer(parts[i], is_last && i + 1 == parts.size());
    return;
  }
  if (is_last != (type == "ByteLevel")) {
    refuse("has the pre-tokenizer " + in_quotes(type) +
           (is_last
                ? " without a 'ByteLevel' after it; only byte-level BPE is supported, whose last "
                  "pre-tokenizer is 'ByteLevel'"
                : " before others; it must be the last"));
  }
  if (type == "ByteLevel") {
    allow(part, "the pre-tokenizer ByteLevel", {"add_prefix_space", "trim_offsets", "use_regex"});
    if (flag(part, "add_prefix_space", true)) steps.push_back(PreTokenizerStep::kAddPrefixSpace);
    if (flag(part, "use_regex", true)) steps.push_back(PreTokenizerStep::kGpt2Words);
  } else if (type == "Digits") {
    allow(part, "the pre-tokenizer Digits", {"individual_digits"});
    steps.push_back(flag(part, "individual_digits", false) ? PreTokenizerStep::kEachDigit
                                                           : PreTokenizerStep::kRunsOfDigits);
  } else if (type == "Split") {
    read_split(part);
  } else {
    refuse("has the pre-tokenizer " + in_quotes(type) +
           "; supported are 'ByteLevel', 'Digits', 'Split' by GPT-2's pattern, and a Sequence of "
           "them");
  }
}

void TokenizerJson::read_template(const Json& part) {
  const std::string name = "the post-processor TemplateProcessing";
  allow(part, name, {"single", "pair", "special_tokens"});
  const Json& tokens = part_of(part, "special_tokens");
  TextFrame frame;
  bool after_text = false;
  for (const Json& piece : list(part, name, "single")) {
    const bool is_piece = piece.is_object() && piece.size() == 1 && piece.front().is_object() &&
                          piece.front().value("id", Json()).is_string();
    if (!is_piece) refuse(name + " has a piece that is neither a Sequence nor a SpecialToken");
    const std::string kind = piece.begin().key();
    const auto id = piece.front()["id"].get<std::string>();
    if (kind == "Sequence" && id == "A" && !after_text) {
      after_text = true;
      continue;
    }
    if (kind != "SpecialToken" || !tokens.is_object() || !tokens.contains(id))
      refuse(name + " has a piece " + in_quotes(id) + " that is no special token of its own");
    const Json& ids = part_of(tokens[id], "ids");
    if (!ids.is_array()) refuse(name + " gives the token " + in_quotes(id) + " no ids");
    for (const Json& one : ids)
      (after_text ? frame.after : frame.before).push_back(token_id(file_, id, one));
  }
  if (!after_text) refuse(name + " leaves the text out: its 'single' has no Sequence 'A'");
  TextFrame& whole = result_.frame;
  whole.before.insert(whole.before.begin(), frame.before.begin(), frame.before.end());
  whole.after.insert(whole.after.end(), frame.after.begin(), frame.after.end());
}

// RoBERTa's and BERT's: {"cls": ["<s>", 0], "sep": ["</s>", 2]} around a text.
void TokenizerJson::read_pair_of_tokens(const Json& part) {
  const std::string name = "the post-processor " + type_of(part);
  allow(part, name, {"cls", "sep", "trim_offsets", "add_prefix_space"});
  const auto id = [&](const char* key) {
    const Json& pair = part_of(part, key);
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string())
      refuse(fmt::format("{} has no '{}' of a token and its id", name, key));
    return token_id(file_, pair[0].get<std::string>(), pair[1]);
  };
  result_.frame.before.insert(result_.frame.before.begin(), id("cls"));
  result_.frame.after.push_back(id("sep"));
}

void TokenizerJson::read_post_processor(const Json& part) {
  if (part.is_null()) return;
  const std::string type = type_of(part);
  if (type == "Sequence") {
    allow(part, "the post-processor Sequence", {"processors"});
    for (const Json& one : list(part, "the post-processor Sequence", "processors"))
      read_post_processor(one);
  } else if (type == "TemplateProcessing") {
    read_template(part);
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    read_pair_of_tokens(part);
  } else if (type == "ByteLevel") {  // changes where tokens lie, not which
    allow(part, "the post-processor ByteLevel", {"add_prefix_space", "trim_offsets", "use_regex"});
  } else {
    refuse("has the post-processor " + in_quotes(type) +
           "; supported are 'ByteLevel', 'TemplateProcessing', 'RobertaProcessing', "
           "'BertProcessing' and a Sequence of them");
  }
  if (result_.frame.before.size() > 1) {
    refuse(fmt::format("its post-processor puts {} tokens before a text; one is supported",
                       result_.frame.before.size()));
  }
  constexpr std::size_t kMaxAfter = 16;
  if (result_.frame.after.size() > kMaxAfter)
    refuse("its post-processor puts more than 16 tokens after a text");
}

void TokenizerJson::check_decoder(const Json& part) {
  if (part.is_null()) return;
  const std::string type = type_of(part);
  if (type == "Sequence") {
    for (const Json& one : list(part, "the decoder Sequence", "decoders")) check_decoder(one);
  } else if (type != "ByteLevel") {
    refuse("has the decoder " + in_quotes(type) + "; only 'ByteLevel' is supported");
  }
}

void TokenizerJson::read_merges() {
  if (!tree_.has_merges) refuse("model.merges is not a list");
  builder_.result.merges.reserve(tree_.merges.size());
  tree_.merges.for_each([&](std::size_t i, std::string_view left, std::string_view right) {
    builder_.add_merge(file_, fmt::format("model.merges[{}]", i), left, right);
  });
}

void TokenizerJson::read_model() {
  const Json& model = root_["model"];
  const std::string type = type_of(model);
  // The first versions of the file did not name it.
  const bool unnamed = model.is_object() && !model.contains("type") && model.contains("merges");
  if (type != "BPE" && !unnamed)
    refuse("has a model of type " + in_quotes(type) + "; only 'BPE' is supported");
  allow(model, "the model",
        {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
         "byte_fallback", "ignore_merges", "vocab", "merges"});
  for (const char* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
    if (is_set(model, key)) {
      refuse(std::string("has the model setting '") + key + "' = " + shown(model[key]) +
             ", which is not supported");
    }
  }
  if (builder_.result.ids.empty()) refuse_without_vocabulary(file_);
  read_merges();
  if (!is_null(model, "unk_token")) {
    const Json& unknown = model["unk_token"];
    const auto found = unknown.is_string()
                           ? builder_.result.ids.find(unknown.get_ref<const std::string&>())
                           : builder_.result.ids.end();
    if (found == builder_.result.ids.end())
      refuse("the model's unk_token " + shown(unknown) + " is not in the vocabulary");
    builder_.result.unknown = found->second;
  }
  builder_.result.ignore_merges = flag(model, "ignore_merges", false);
  builder_.result.fuse_unknown = flag(model, "fuse_unk", false);
}

void TokenizerJson::read_added_tokens() {
  const Json& added = part_of(root_, "added_tokens");
  if (added.is_null()) return;
  if (!added.is_array()) refuse("added_tokens is not a list");
  AddedTokenList tokens(model_of(result_));
  for (const Json& entry : added) {
    AddedTokenRule rule = read_added_token(file_, "added_tokens", entry, false);
    const TokenId id = token_id(file_, rule.text, entry.value("id", Json()));
    if (tokens.find(rule.text)) refuse("added token " + in_quotes(rule.text) + " appears twice");
    tokens.add(file_, std::move(rule), id);
  }
  set_added_tokens(result_, tokens);
}

Gpt2Vocabulary TokenizerJson::read() {
  check_whole();
  result_.pre_tokenizer.clear();
  read_normalizer(part_of(root_, "normalizer"));
  read_pre_tokenizer(part_of(root_, "pre_tokenizer"), true);
  read_post_processor(part_of(root_, "post_processor"));
  check_decoder(part_of(root_, "decoder"));
  read_model();
  Gpt2Vocabulary& model = builder_.result;
  model.normalizer = std::move(result_.normalizer);
  model.pre_tokenizer = std::move(result_.pre_tokenizer);
  model.is_plain_byte_level = result_.is_plain_byte_level;
  model.frame = std::move(result_.frame);
  result_ = std::move(model);
  read_added_tokens();
  const auto end = std::ranges::find(result_.added, kEndOfText, &AddedTokenRule::text);
  if (end != result_.added.end()) result_.roles.bos = result_.roles.eos = end->id;
  return std::move(result_);
}

}  // namespace

Gpt2Vocabulary read_tokenizer_json(const Path& tokenizer_json) {
  std::error_code ignored;  // a file that cannot be read is refused below
  const std::uintmax_t bytes = std::filesystem::file_size(tokenizer_json, ignored);
  VocabularyBuilder builder(tokenizer_json, ignored ? 0 : static_cast<std::size_t>(bytes));
  const TokenizerTree tree = read_tokenizer_tree(tokenizer_json, builder);
  if (!tree.root.is_object() || !tree.root.contains("model")) {
    refuse_file(tokenizer_json, "is not a Hugging Face tokenizer.json: it has no \"model\"");
  }
  return TokenizerJson(tokenizer_json, tree, builder).read();
}

}  // namespace medgen::text
