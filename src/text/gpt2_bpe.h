// GPT-2's byte-level byte-pair encoding, with the ids that Hugging Face's `tokenizers` gives.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "medgen/tokenizer.h"
#include "text/gpt2_split.h"
#include "text/gpt2_vocabulary.h"
#include "text/special_tokens.h"

namespace medgen::text {

// Encoding takes O(n log n) time and less than 30 n bytes for a text of n bytes, whatever its words
// look like.
class Gpt2Bpe : public Tokenizer {
 public:
  // `source` begins error messages: the file or folder the vocabulary came from. Throws
  // Error(kModel) if one of the 256 bytes has no token.
  Gpt2Bpe(Gpt2Vocabulary vocabulary, const std::string& source);

  std::vector<TokenId> encode(std::string_view text, Specials specials) const override;
  std::string decode(std::span<const TokenId> ids) const override;

  // "<|endoftext|>" and other added tokens give their own spelling; an id without a token gives
  // nothing.
  std::string token_bytes(TokenId id) const override;
  std::string piece(TokenId id) const override;

  int vocab_size() const override { return static_cast<int>(pieces_.size()); }
  std::optional<TokenId> bos_id() const override { return end_of_text_; }
  std::optional<TokenId> eos_id() const override { return end_of_text_; }
  std::string_view kind() const override { return "gpt2-bpe"; }
  std::vector<AddedToken> added_tokens() const override { return added_; }

 private:
  struct Merge {
    std::uint32_t rank;
    TokenId result;
  };
  struct Scratch;

  std::size_t checked(TokenId id) const;
  const Merge* find_merge(TokenId left, TokenId right) const;
  void encode_word(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const;

  Gpt2Splitter splitter_;
  std::vector<std::string> pieces_;
  std::vector<std::string> bytes_;  // of each piece
  std::array<TokenId, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;  // key: left id, right id
  std::vector<TokenId> results_;                     // of the merges, by rank
  std::unordered_map<std::string, TokenId> words_;   // by bytes; filled only for ignore_merges
  bool add_prefix_space_ = false;
  SpecialTokens ordinary_;  // added tokens recognised in every text
  SpecialTokens all_;       // plus those recognised only on request
  std::optional<TokenId> end_of_text_;
  std::vector<AddedToken> added_;  // by id
};

}  // namespace medgen::text
