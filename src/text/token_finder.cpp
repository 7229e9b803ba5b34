// See the header. States are numbered by their depth, so that one's fallback comes before it.
#include "text/token_finder.h"

#include <algorithm>

namespace medgen::text {

struct TokenFinder::Trie {
  struct Node {
    std::uint32_t first_child = kNone;
    std::uint32_t sibling = kNone;
    std::uint32_t spelling = kNone;
    unsigned char byte = 0;
  };
  std::vector<Node> nodes{1};
  // The children of the root, which may be many more than of any other.
  std::array<std::uint32_t, 256> of_root{};

  Trie() { of_root.fill(kNone); }

  std::uint32_t add_child(std::uint32_t node, unsigned char byte) {
    const auto child = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back({.sibling = nodes[node].first_child, .byte = byte});
    nodes[node].first_child = child;
    if (node == 0) of_root[byte] = child;
    return child;
  }

  std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    if (node == 0) return of_root[byte];
    std::uint32_t at = nodes[node].first_child;
    while (at != kNone && nodes[at].byte != byte) at = nodes[at].sibling;
    return at;
  }

  void add(std::string_view spelling, std::uint32_t number) {
    std::uint32_t node = 0;
    for (std::size_t left = spelling.size(); left > 0; --left) {
      const char c = spelling[left - 1];
      const auto byte = static_cast<unsigned char>(c);
      const std::uint32_t known = child(node, byte);
      node = known == kNone ? add_child(node, byte) : known;
    }
    if (nodes[node].spelling == kNone) nodes[node].spelling = number;
  }
};

TokenFinder::TokenFinder(const std::vector<std::string>& spellings) {
  if (spellings.empty()) return;
  Trie trie;
  for (const std::string& spelling : spellings) {
    trie.add(spelling, static_cast<std::uint32_t>(lengths_.size()));
    lengths_.push_back(static_cast<std::uint32_t>(spelling.size()));
  }
  lay_out(trie);
  link();
}

void TokenFinder::lay_out(const Trie& trie) {
  std::vector<std::uint32_t> order = {0};  // the trie's node of each state
  order.reserve(trie.nodes.size());
  first_edge_.reserve(trie.nodes.size() + 1);
  longest_.reserve(trie.nodes.size());
  std::vector<std::uint32_t> children;
  for (std::size_t state = 0; state < order.size(); ++state) {
    const Trie::Node& node = trie.nodes[order[state]];
    children.clear();
    for (std::uint32_t at = node.first_child; at != kNone; at = trie.nodes[at].sibling)
      children.push_back(at);
    std::ranges::sort(children, {}, [&](std::uint32_t at) { return trie.nodes[at].byte; });
    first_edge_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    longest_.push_back(node.spelling);
    for (const std::uint32_t at : children) {
      bytes_.push_back(trie.nodes[at].byte);
      targets_.push_back(static_cast<State>(order.size()));
      if (state == kRoot) from_root_[trie.nodes[at].byte] = static_cast<State>(order.size());
      order.push_back(at);
    }
  }
  first_edge_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

void TokenFinder::link() {
  fallback_.assign(longest_.size(), kRoot);
  for (State state = 0; state < longest_.size(); ++state) {
    for (std::uint32_t edge = first_edge_[state]; edge < first_edge_[state + 1]; ++edge) {
      const State target = targets_[edge];
      if (state != kRoot) fallback_[target] = next(fallback_[state], bytes_[edge]);
      if (longest_[target] == kNone) longest_[target] = longest_[fallback_[target]];
    }
  }
}

TokenFinder::State TokenFinder::child(State state, unsigned char byte) const {
  if (state == kRoot) return from_root_[byte];
  const auto first = bytes_.begin() + first_edge_[state];
  const auto last = bytes_.begin() + first_edge_[state + 1];
  const auto found = std::lower_bound(first, last, byte);
  if (found == last || *found != byte) return kRoot;
  return targets_[static_cast<std::size_t>(found - bytes_.begin())];
}

TokenFinder::State TokenFinder::next(State state, unsigned char byte) const {
  for (;;) {
    const State target = child(state, byte);
    if (target != kRoot || state == kRoot) return target;
    state = fallback_[state];
  }
}

std::vector<TokenFinder::Match> TokenFinder::find(std::string_view text) const {
  std::vector<Match> found;  // first all of them, from the end to the start
  if (empty()) return found;
  State state = kRoot;
  for (std::size_t at = text.size(); at-- > 0;) {
    state = next(state, static_cast<unsigned char>(text[at]));
    const std::uint32_t spelling = longest_[state];
    if (spelling != kNone) found.push_back({at, at + lengths_[spelling], spelling});
  }
  std::size_t kept = 0;
  std::ranges::reverse(found);
  std::size_t end = 0;
  for (const Match& match : found) {
    if (match.start < end) continue;
    end = match.end;
    found[kept++] = match;
  }
  found.resize(kept);
  return found;
}

}  // namespace medgen::text
