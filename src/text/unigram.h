// The unigram models of SentencePiece, for texts of any length: the sentencepiece library takes 240
// bytes of memory for a byte of text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::text {

// Gives the ids that the library gives, down to the rounding of its sums. Immutable; safe to share
// between threads.
class Unigram {
 public:
  // Nothing if `model`, a tokenizer.model that the library takes, is of another type or normalizes
  // its texts.
  static std::unique_ptr<const Unigram> read(std::string_view model);

  // `text` is valid UTF-8. Takes less than 30 bytes of memory for a byte of text.
  std::vector<TokenId> encode(std::string_view text, bool dummy_prefix) const;

 private:
  enum class Kind : std::uint8_t { kNone, kPiece, kUserDefined };
  // Of a tree of all pieces by their bytes. The children of a node are neighbours, in order.
  struct Node {
    std::uint32_t first_child = 0;
    std::uint16_t n_children = 0;
    unsigned char byte = 0;
    Kind kind = Kind::kNone;  // whether a piece ends here
    TokenId id = -1;
  };
  struct Best;
  struct Parser;

  void build_tree(std::vector<std::pair<std::string_view, TokenId>> pieces,
                  const std::vector<Kind>& kinds);
  const Node* child(const Node& node, char byte) const;
  void find_best(std::string_view text, std::vector<Best>& best) const;

  std::vector<Node> nodes_;  // the root first
  std::vector<float> scores_;
  float lowest_ = 0, highest_ = 0;
  TokenId unknown_ = -1;
  bool byte_fallback_ = false;
  std::array<TokenId, 256> byte_ids_{};
};

}  // namespace medgen::text
