// Finds many spellings in a text at once: an automaton (Aho and Corasick, "Efficient string
// matching", 1975) of the spellings backwards, which reads the text from its end and so knows at
// every place the longest spelling that begins there. Linear in the text, however many there are.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::text {

class TokenFinder {
 public:
  TokenFinder() = default;
  // None is empty. Of two that are the same the first counts.
  explicit TokenFinder(const std::vector<std::string>& spellings);

  struct Match {
    std::size_t start = 0;
    std::size_t end = 0;
    std::size_t spelling = 0;  // its place in the list
  };

  // In order and apart: the leftmost first; of those that begin together, the longest.
  std::vector<Match> find(std::string_view text) const;

  bool empty() const { return lengths_.empty(); }

 private:
  using State = std::uint32_t;
  static constexpr State kRoot = 0;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  // Before the automaton: a node's children as a list of siblings.
  struct Trie;

  State child(State state, unsigned char byte) const;  // kRoot if it has none
  State next(State state, unsigned char byte) const;
  void lay_out(const Trie& trie);
  void link();

  std::vector<std::uint32_t> lengths_;     // of the spellings
  std::vector<std::uint32_t> first_edge_;  // of a state; one more at the end
  std::vector<unsigned char> bytes_;       // of the edges, in order within a state
  std::vector<State> targets_;             // of the edges
  std::vector<State> fallback_;            // the longest proper ending that is a state too
  std::vector<std::uint32_t> longest_;     // the longest spelling that ends a state, or kNone
  std::array<State, 256> from_root_{};
};

}  // namespace medgen::text
