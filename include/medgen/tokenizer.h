// Text to token ids and back. Implementations: GPT-2 byte-level BPE and SentencePiece.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/export.h"

namespace medgen {

using TokenId = std::int32_t;

enum class Specials { kAsText, kParse };  // how encode() treats spellings like "<|endoftext|>"

// A token that is found in a text by its spelling, before the vocabulary's own rules apply.
struct AddedToken {
  std::string text;
  TokenId id = 0;
  bool special = false;  // found only with Specials::kParse; others are found in every text
};

// The ids that the tokenizer's files put around a whole text, such as BOS: what transformers'
// `tokenizer(text)` adds and encode() does not.
struct TextFrame {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};

// Immutable after construction, so every member function is safe to call from several threads.
class MEDGEN_API Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of `text`, without those of text_frame(). Throws Error(kUsage) naming the byte offset if
  // `text` is not valid UTF-8.
  virtual std::vector<TokenId> encode(std::string_view text,
                                      Specials specials = Specials::kAsText) const = 0;

  // Text of a whole sequence: decode(encode(text)) == text. Where ids do not form valid UTF-8, the
  // broken bytes become U+FFFD. Throws Error(kUsage) for an id outside [0, vocab_size()).
  virtual std::string decode(std::span<const TokenId> ids) const = 0;

  // The bytes one token adds when it follows other text; may be part of a UTF-8 character.
  // Empty for control tokens such as SentencePiece's <s>.
  virtual std::string token_bytes(TokenId id) const = 0;

  // The token as the vocabulary spells it ("Ġfever", "▁fever", "<0x0A>").
  virtual std::string piece(TokenId id) const = 0;

  virtual int vocab_size() const = 0;
  virtual std::optional<TokenId> bos_id() const = 0;
  virtual std::optional<TokenId> eos_id() const = 0;
  virtual std::string_view kind() const = 0;  // "gpt2-bpe" or "sentencepiece"

  virtual std::vector<AddedToken> added_tokens() const { return {}; }  // by id
  virtual TextFrame text_frame() const { return {}; }
  virtual std::optional<TokenId> pad_id() const { return std::nullopt; }
  virtual std::optional<TokenId> unk_id() const { return std::nullopt; }
};

// Opens a folder that holds `tokenizer.model` or `spiece.model` (SentencePiece), a byte-level BPE
// `tokenizer.json`, or `vocab.json` + `merges.txt`, the first of these that is there; or one of
// those files itself (a `.model` or `.json` file). Of what lies beside it, `tokenizer_config.json`,
// `special_tokens_map.json` and `added_tokens.json` are read: docs/MODELS.md. Throws Error(kModel)
// that says what was expected and what is wrong.
MEDGEN_API std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path);

// The same for a model that has `model_vocab_size` ids: where only added tokens go beyond, they
// count as none of the tokenizer's, and encode() throws Error(kUsage) for a text that holds one.
MEDGEN_API std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path,
                                                     int model_vocab_size);

// The files load_tokenizer() reads for `path`, in a fixed order, for copying into a bundle.
MEDGEN_API std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& path);

}  // namespace medgen
