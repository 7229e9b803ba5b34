// SentencePiece models through the sentencepiece library: see text/sentencepiece_tokenizer.h. Part
// of the module, not of libmedgen.
#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

#include "medgen/error.h"
#include "text/sentencepiece/module.h"
#include "text/unigram.h"
#include "text/utf8.h"
#include "text/vocabulary_builder.h"

// In the library, but in none of its installed headers: its messages on stderr, except errors,
// are off only at level 4 (fatal).
namespace sentencepiece::logging {
void SetMinLogLevel(int level);
}  // namespace sentencepiece::logging

namespace medgen::text::sentencepiece_module {
namespace {

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581
constexpr int kFatal = 4;
// For longer texts the library's memory counts: 240 bytes for each of theirs.
constexpr std::size_t kLongText = std::size_t{1} << 14U;
constexpr std::size_t kTooLong = std::size_t{1} << 31U;  // for Unigram

std::string spaces_restored(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    const bool space = piece.starts_with(kSpaceSymbol);
    text += space ? ' ' : piece.front();
    piece.remove_prefix(space ? kSpaceSymbol.size() : 1);
  }
  return text;
}

// `model` with normalizer_spec.add_dummy_prefix set to false. Protocol buffers merge: a message
// that follows another overwrites the fields it has. Field 3 of the model holds the normalizer_spec
// (2 bytes), whose field 3 is the flag.
std::string without_dummy_prefix(std::string_view model) {
  return std::string(model) + std::string("\x1A\x02\x18\x00", 4);
}

// What becomes of the text between two added tokens. transformers' classes have two ways, of which
// neither gives every text back; without a class there is a third.
enum class Manner {
  kOneText,  // a dummy prefix before the first, nothing before the others
  kLegacy,   // each is a text by itself
  kModern,   // "legacy": false: a space before all of it, which a special token takes away
};

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string_view model, const std::string& source,
                         const SentencePieceExtras& extras);

  std::vector<TokenId> encode(std::string_view text, Specials specials) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  std::string token_bytes(TokenId id) const override { return bytes_[checked(id)]; }
  std::string piece(TokenId id) const override {
    return id < whole_.GetPieceSize() ? whole_.IdToPiece(static_cast<int>(checked(id)))
                                      : token_bytes(id);
  }
  int vocab_size() const override { return vocab_size_; }
  std::optional<TokenId> bos_id() const override { return roles_.bos; }
  std::optional<TokenId> eos_id() const override { return roles_.eos; }
  std::optional<TokenId> pad_id() const override { return roles_.pad; }
  std::optional<TokenId> unk_id() const override { return roles_.unk; }
  std::vector<AddedToken> added_tokens() const override { return added_; }
  TextFrame text_frame() const override { return frame_; }
  std::string_view kind() const override { return "sentencepiece"; }

 private:
  using Processor = sentencepiece::SentencePieceProcessor;

  static std::optional<TokenId> optional_id(int id) {
    return id < 0 ? std::nullopt : std::optional<TokenId>(id);
  }
  void load(Processor& processor, std::string_view model, const std::string& source) const;
  void find_dummy_prefix(const std::string& source);
  void describe_tokens(const std::string& source, const SentencePieceExtras& extras);
  void add_tokens(AddedTokenList& tokens, const std::string& source,
                  const SentencePieceExtras& extras);
  void set_frame(const TokenizerSettings& settings);
  std::size_t checked(TokenId id) const;
  const Unigram* for_long_texts() const;
  void encode_plain(std::string_view text, bool at_start, std::vector<TokenId>& out) const;
  void encode_modern_part(std::string_view text, std::vector<TokenId>& out) const;
  std::vector<TokenId> encode_modern(std::string_view text, Specials specials) const;
  bool is_special(TokenId id) const;

  Processor whole_;         // as the model says
  Processor continuation_;  // the same without the space that it puts before a text
  bool adds_dummy_prefix_ = false;
  Manner manner_ = Manner::kOneText;
  bool begins_with_space_ = false;     // what decode() takes away
  std::vector<std::string> bytes_;     // of each token
  std::vector<TokenId> space_symbol_;  // byte pieces of U+2581; empty if the model has none
  AddedTokens tokens_;                 // and those of the model itself that are special
  std::vector<AddedToken> added_;      // by id
  TokenRoles roles_;
  TextFrame frame_;
  int vocab_size_ = 0;
  std::string model_;  // what unigram_ is read from
  mutable std::once_flag read_;
  mutable std::unique_ptr<const Unigram> unigram_;
};

SentencePieceTokenizer::SentencePieceTokenizer(std::string_view model, const std::string& source,
                                               const SentencePieceExtras& extras) {
  sentencepiece::logging::SetMinLogLevel(kFatal);
  load(whole_, model, source);
  find_dummy_prefix(source);
  if (adds_dummy_prefix_) load(continuation_, without_dummy_prefix(model), source);
  begins_with_space_ = adds_dummy_prefix_;
  if (extras.settings.has_sentencepiece_class()) {
    manner_ = extras.settings.legacy.value_or(true) ? Manner::kLegacy : Manner::kModern;
    if (manner_ == Manner::kModern)
      begins_with_space_ = extras.settings.add_prefix_space.value_or(true);
  }
  describe_tokens(source, extras);
  model_ = model;
}

void SentencePieceTokenizer::load(Processor& processor, std::string_view model,
                                  const std::string& source) const {
  const auto status = processor.LoadFromSerializedProto(model);
  if (status.ok() && processor.GetPieceSize() > 0) return;
  throw Error(
      ErrorCode::kModel,
      source + ": the sentencepiece library cannot load it as a tokenizer.model" +
          (status.ok() ? ": it has no pieces" : " (" + std::string(status.error_message()) + ")"));
}

void SentencePieceTokenizer::find_dummy_prefix(const std::string& source) {
  std::string pieces;
  for (const std::string& piece : whole_.EncodeAsPieces("a")) pieces += piece;
  if (pieces.ends_with(kSpaceSymbol)) {
    throw Error(ErrorCode::kModel,
                source + ": models trained with treat_whitespace_as_suffix are not supported");
  }
  adds_dummy_prefix_ = pieces.starts_with(kSpaceSymbol);
}

// Of the classes that transformers has for such models, those that take the ids as they are.
void require_known_class(const TokenizerSettings& settings) {
  const std::string& name = settings.tokenizer_class;
  if (name.empty() || settings.has_sentencepiece_class()) return;
  refuse_file(settings.config, "tokenizer_class is " + in_quotes(name) +
                                   "; for a SentencePiece model, LlamaTokenizer and T5Tokenizer "
                                   "are supported");
}

void SentencePieceTokenizer::set_frame(const TokenizerSettings& settings) {
  const bool bos = settings.add_bos_token.value_or(settings.tokenizer_class == "LlamaTokenizer");
  const bool eos = settings.add_eos_token.value_or(settings.tokenizer_class == "T5Tokenizer");
  if (bos && roles_.bos) frame_.before.push_back(*roles_.bos);
  if (eos && roles_.eos) frame_.after.push_back(*roles_.eos);
}

void SentencePieceTokenizer::add_tokens(AddedTokenList& tokens, const std::string& source,
                                        const SentencePieceExtras& extras) {
  require_known_class(extras.settings);
  if (manner_ == Manner::kOneText &&
      extras.settings.add_prefix_space.value_or(adds_dummy_prefix_) != adds_dummy_prefix_) {
    refuse_file(extras.settings.config,
                fmt::format("add_prefix_space is {}, but the model is trained {} a space before "
                            "every text; make it {}",
                            !adds_dummy_prefix_, adds_dummy_prefix_ ? "with" : "without",
                            adds_dummy_prefix_));
  }
  add_stated_tokens(extras.settings, tokens);
  roles_ = roles_of(extras.settings, tokens,
                    {.bos = optional_id(whole_.bos_id()),
                     .eos = optional_id(whole_.eos_id()),
                     .pad = optional_id(whole_.pad_id()),
                     .unk = optional_id(whole_.unk_id())});
  const std::vector<AddedTokenRule> rules = tokens.by_id();
  const auto own = static_cast<std::size_t>(whole_.GetPieceSize());
  for (const AddedTokenRule& rule : rules) {
    const auto slot = static_cast<std::size_t>(rule.id);
    if (slot >= bytes_.size()) bytes_.resize(slot + 1);
    if (slot >= own) bytes_[slot] = rule.text;
  }
  vocab_size_ = static_cast<int>(bytes_.size());
  if (extras.id_limit && may_be_of_model(whole_.GetPieceSize(), *extras.id_limit))
    vocab_size_ = std::min(vocab_size_, *extras.id_limit);
  for (const AddedTokenRule& rule : rules) {
    if (rule.id < vocab_size_) added_.push_back({rule.text, rule.id, rule.special});
  }
  for (std::optional<TokenId>* role : {&roles_.bos, &roles_.eos, &roles_.pad, &roles_.unk}) {
    if (*role && **role >= vocab_size_) role->reset();
  }
  tokens_ = AddedTokens(rules, {}, source);
  set_frame(extras.settings);
}

void SentencePieceTokenizer::describe_tokens(const std::string& source,
                                             const SentencePieceExtras& extras) {
  AddedTokenList tokens({.id_of = [this](const std::string& token) -> std::optional<TokenId> {
                           const int id = whole_.PieceToId(token);
                           return whole_.IdToPiece(id) == token ? std::optional(id) : std::nullopt;
                         },
                         .token_of =
                             [this](TokenId id) {
                               return id < whole_.GetPieceSize() ? whole_.IdToPiece(id)
                                                                 : std::string();
                             },
                         .size = whole_.GetPieceSize()});
  std::array<std::optional<TokenId>, 256> byte_ids;
  for (int id = 0; id < whole_.GetPieceSize(); ++id) {
    const std::string& piece = whole_.IdToPiece(id);
    if (whole_.IsControl(id)) {
      bytes_.emplace_back();
      if (!piece.empty()) tokens.add(source, {.text = piece, .special = true}, std::nullopt);
    } else if (whole_.IsByte(id)) {  // "<0x0A>"
      const auto byte = static_cast<unsigned char>(std::stoi(piece.substr(3, 2), nullptr, 16));
      byte_ids[byte] = id;
      bytes_.emplace_back(1, static_cast<char>(byte));
    } else if (whole_.IsUnknown(id)) {
      bytes_.push_back(whole_.DecodeIds({id}));
    } else {
      bytes_.push_back(spaces_restored(piece));
    }
  }
  add_tokens(tokens, source, extras);
  for (const char byte : kSpaceSymbol) {
    if (const auto id = byte_ids[static_cast<unsigned char>(byte)]) space_symbol_.push_back(*id);
  }
  if (space_symbol_.size() != kSpaceSymbol.size()) space_symbol_.clear();
}

std::size_t SentencePieceTokenizer::checked(TokenId id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("token id {} is not in this vocabulary; ids go from 0 to {}", id,
                            vocab_size() - 1));
  }
  return static_cast<std::size_t>(id);
}

// Null for a model of another kind. Few texts are long, so it is made for the first of them.
const Unigram* SentencePieceTokenizer::for_long_texts() const {
  std::call_once(read_, [this] { unigram_ = Unigram::read(model_); });
  return unigram_.get();
}

// `text` has no U+2581 that must survive.
void SentencePieceTokenizer::encode_plain(std::string_view text, bool at_start,
                                          std::vector<TokenId>& out) const {
  std::vector<int> ids;
  const bool is_long = text.size() >= kLongText && text.size() < kTooLong;
  if (const Unigram* unigram = is_long ? for_long_texts() : nullptr) {
    ids = unigram->encode(text, at_start && adds_dummy_prefix_);
    if (out.empty()) {
      out = std::move(ids);
    } else {
      out.insert(out.end(), ids.begin(), ids.end());
    }
    return;
  }
  const Processor& processor = at_start || !adds_dummy_prefix_ ? whole_ : continuation_;
  const auto status = processor.Encode(text, &ids);
  if (!status.ok()) {
    throw Error(ErrorCode::kRuntime,
                "sentencepiece cannot encode the text: " + std::string(status.error_message()));
  }
  out.insert(out.end(), ids.begin(), ids.end());
}

// Nothing is put before a text. The library takes blanks off where one begins if the model says so;
// transformers keeps it from that by the unknown token's spelling.
void SentencePieceTokenizer::encode_modern_part(std::string_view text,
                                                std::vector<TokenId>& out) const {
  if (!text.starts_with(kSpaceSymbol) && !text.starts_with(' ')) {
    encode_plain(text, false, out);
    return;
  }
  const std::string before = roles_.unk ? piece(*roles_.unk) : std::string();
  std::vector<TokenId> alone, all;
  encode_plain(before, false, alone);
  encode_plain(before + std::string(text), false, all);
  const auto skipped = static_cast<std::ptrdiff_t>(all.size() >= alone.size() ? alone.size() : 0);
  out.insert(out.end(), all.begin() + skipped, all.end());
}

bool SentencePieceTokenizer::is_special(TokenId id) const {
  return std::any_of(added_.begin(), added_.end(),
                     [&](const AddedToken& token) { return token.id == id && token.special; });
}

std::vector<TokenId> SentencePieceTokenizer::encode_modern(std::string_view text,
                                                           Specials specials) const {
  std::string all(begins_with_space_ && !text.empty() ? kSpaceSymbol : "");
  for (std::size_t at = 0; at < text.size();) {
    const bool symbol = text.substr(at).starts_with(kSpaceSymbol);
    all += symbol ? ' ' : text[at];
    at += symbol ? kSpaceSymbol.size() : 1;
  }
  std::vector<TokenId> ids;
  bool second_is_special = false;
  const auto on_token = [&](TokenId id) {
    second_is_special = second_is_special || (ids.size() == 1 && is_special(id));
    ids.push_back(id);
  };
  tokens_.split(all, specials, {}, on_token,
                [&](std::string_view part) { encode_modern_part(part, ids); });
  if (second_is_special && ids[0] == whole_.PieceToId(kSpaceSymbol)) ids.erase(ids.begin());
  require_ids_of_model(ids, vocab_size_);
  return ids;
}

std::vector<TokenId> SentencePieceTokenizer::encode(std::string_view text,
                                                    Specials specials) const {
  require_utf8(text, "the text");
  if (manner_ == Manner::kModern) return encode_modern(text, specials);
  std::vector<TokenId> ids;
  bool at_start = true;  // decode() takes the dummy prefix off the first non-control token
  const auto encode_text = [&](std::string_view rest) {
    at_start = at_start || manner_ == Manner::kLegacy;
    while (!rest.empty()) {
      const std::size_t symbol = space_symbol_.empty() ? rest.npos : rest.find(kSpaceSymbol);
      if (symbol != 0) encode_plain(rest.substr(0, symbol), at_start, ids);
      at_start = false;
      if (symbol == rest.npos) return;
      ids.insert(ids.end(), space_symbol_.begin(), space_symbol_.end());
      rest.remove_prefix(symbol + kSpaceSymbol.size());
    }
  };
  const auto on_token = [&](TokenId id) { ids.push_back(id); };
  tokens_.split(text, specials, {}, on_token, encode_text);
  require_ids_of_model(ids, vocab_size_);
  return ids;
}

std::string SentencePieceTokenizer::decode(std::span<const TokenId> ids) const {
  std::string bytes;
  bool at_start = true;
  for (const TokenId id : ids) {
    const std::size_t slot = checked(id);
    std::string_view token = bytes_[slot];
    if (id >= whole_.GetPieceSize()) {  // an added token, before which a text has not begun
      bytes += token;
      continue;
    }
    if (whole_.IsControl(id)) continue;
    if (at_start && begins_with_space_ && token.starts_with(' ') && !whole_.IsByte(id) &&
        !whole_.IsUnknown(id)) {
      token.remove_prefix(1);
    }
    at_start = false;
    bytes += token;
  }
  return replace_invalid_utf8(bytes);
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(std::string_view model, const std::string& source,
                                          const SentencePieceExtras& extras) {
  return std::make_unique<SentencePieceTokenizer>(model, source, extras);
}

}  // namespace medgen::text::sentencepiece_module
