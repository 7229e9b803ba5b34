// GPT-2's byte-level byte-pair encoding, with the ids that Hugging Face's `tokenizers` gives.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "medgen/tokenizer.h"
#include "text/added_tokens.h"
#include "text/gpt2_vocabulary.h"
#include "text/pre_tokenizer.h"

namespace medgen::text {

// Encoding takes O(n log n) time and less than 30 n bytes for a text of n bytes, whatever its words
// look like.
class Gpt2Bpe : public Tokenizer {
 public:
  // `source` begins error messages: the file or folder the vocabulary came from.
  Gpt2Bpe(Gpt2Vocabulary vocabulary, const std::string& source);

  std::vector<TokenId> encode(std::string_view text, Specials specials) const override;
  std::string decode(std::span<const TokenId> ids) const override;

  // "<|endoftext|>" and other added tokens give their own spelling; an id without a token gives
  // nothing.
  std::string token_bytes(TokenId id) const override;
  std::string piece(TokenId id) const override;

  int vocab_size() const override { return vocab_size_; }
  std::optional<TokenId> bos_id() const override { return roles_.bos; }
  std::optional<TokenId> eos_id() const override { return roles_.eos; }
  std::optional<TokenId> pad_id() const override { return roles_.pad; }
  std::optional<TokenId> unk_id() const override { return roles_.unk; }
  std::string_view kind() const override { return "gpt2-bpe"; }
  std::vector<AddedToken> added_tokens() const override { return added_; }
  TextFrame text_frame() const override { return frame_; }

 private:
  struct Merge {
    std::uint32_t rank;
    TokenId result;
  };
  struct Scratch;

  std::size_t checked(TokenId id) const;
  const Merge* find_merge(TokenId left, TokenId right) const;
  void read_bytes(std::string_view word, std::vector<TokenId>& out) const;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const;

  PreTokenizer pre_tokenizer_;
  AddedTokens::Normalize normalize_;  // empty if texts stay as they are
  std::vector<std::string> pieces_;
  std::vector<std::string> bytes_;  // of each piece
  // For a byte without a token, `unknown_`, or nothing (-1) if there is none.
  std::array<TokenId, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;  // key: left id, right id
  std::vector<TokenId> results_;                     // of the merges, by rank
  std::unordered_map<std::string, TokenId> words_;   // by bytes; filled only for ignore_merges
  std::optional<TokenId> unknown_;
  bool fuse_unknown_ = false;
  bool knows_every_byte_ = true;
  AddedTokens tokens_;
  std::vector<AddedToken> added_;  // by id
  TokenRoles roles_;
  TextFrame frame_;
  int vocab_size_ = 0;
};

}  // namespace medgen::text
