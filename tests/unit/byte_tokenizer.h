// The smallest tokenizer there is: a token a byte, and 256 for the end of text.
#pragma once

#include <string>

#include "medgen/tokenizer.h"

namespace medgen {

class ByteTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, Specials) const override {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (const TokenId id : ids) text += token_bytes(id);
    return text;
  }
  std::string token_bytes(TokenId id) const override {
    return id < 256 ? std::string(1, static_cast<char>(id)) : std::string();
  }
  std::string piece(TokenId id) const override { return token_bytes(id); }
  int vocab_size() const override { return 257; }
  std::optional<TokenId> bos_id() const override { return 256; }
  std::optional<TokenId> eos_id() const override { return 256; }
  std::string_view kind() const override { return "bytes"; }
};

}  // namespace medgen
