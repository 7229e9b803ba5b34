// Where several continuations of one text say the same words and where they part: a tree of their
// words. Words are compared as they are written, capitals and signs included.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace medgen::why {

struct AgreeText {
  std::string_view text;
  // Ended by a limit, not by the model: its last word may be half of one and is left out, unless a
  // blank stands behind it; and what would have come next is unknown.
  bool cut = false;
};

// Of a text's words: those that are compared.
std::vector<std::string_view> agree_words(const AgreeText& text);

// Words that the `members` have in common, where these have parted from the others `depth` times.
struct Branch {
  enum class Then { kParts, kEnds, kCut };

  int depth = 0;
  int parent = -1;           // its place among the branches; -1 for the first
  std::vector<int> members;  // places among the texts
  std::size_t words_before = 0;
  std::vector<std::string_view> words;  // of a single text, all that are left; views of the texts
  Then then = Then::kParts;             // what comes after the words
};

enum class BranchOrder { kAppearance, kAlphabet };

// Every branch before those that it parts into, which stand in the order in which they first
// appear, or by the bytes of their first words. The first holds all texts, and may have no words.
std::vector<Branch> branches_of(std::span<const AgreeText> texts, BranchOrder order);

}  // namespace medgen::why
