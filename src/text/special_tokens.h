// Finds spellings such as "<|endoftext|>" in text.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::text {

struct SpecialToken {
  std::string text;  // not empty
  TokenId id = 0;
};

class SpecialTokens {
 public:
  explicit SpecialTokens(std::vector<SpecialToken> tokens = {});

  struct Part {
    std::string_view text;           // never empty
    std::optional<TokenId> special;  // the token that `text` spells, if any
  };

  // The whole text in order; the leftmost match wins, then the longest.
  std::vector<Part> split(std::string_view text) const;

 private:
  const SpecialToken* match(std::string_view text) const;

  std::vector<SpecialToken> tokens_;       // longest first
  std::array<bool, 256> is_first_byte_{};  // of any token
};

}  // namespace medgen::text
