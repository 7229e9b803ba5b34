// See the header.
#include "why/agree_tree.h"

#include <algorithm>
#include <utility>

#include "why/spans.h"

namespace medgen::why {
namespace {

// What stands where a text has no word more. Neither is a word.
constexpr std::string_view kTextEnds;
constexpr std::string_view kTextIsCut = "\n";

class AgreeTree {
 public:
  AgreeTree(std::span<const AgreeText> texts, BranchOrder order) : texts_(texts), order_(order) {
    std::vector<int> all;
    for (const AgreeText& text : texts) {
      all.push_back(static_cast<int>(words_.size()));
      words_.push_back(agree_words(text));
    }
    if (!all.empty()) grow(-1, std::move(all), 0);
  }
  std::vector<Branch> take() { return std::move(branches_); }

 private:
  std::string_view word_at(int member, std::size_t at) const {
    const auto& words = words_[static_cast<std::size_t>(member)];
    if (at < words.size()) return words[at];
    return texts_[static_cast<std::size_t>(member)].cut ? kTextIsCut : kTextEnds;
  }

  bool agree(const std::vector<int>& members, std::size_t at) const {
    const std::string_view first = word_at(members[0], at);
    return std::all_of(members.begin(), members.end(),
                       [&](int member) { return word_at(member, at) == first; });
  }

  void grow(int parent, std::vector<int> members, std::size_t at) {
    Branch branch;
    branch.depth = parent < 0 ? 0 : branches_[static_cast<std::size_t>(parent)].depth + 1;
    branch.parent = parent;
    branch.words_before = at;
    bool together = agree(members, at);
    for (; together; together = agree(members, ++at)) {
      const std::string_view word = word_at(members[0], at);
      if (word == kTextEnds || word == kTextIsCut) {
        branch.then = word == kTextEnds ? Branch::Then::kEnds : Branch::Then::kCut;
        break;
      }
      branch.words.push_back(word);
    }
    branch.members = members;
    const int self = static_cast<int>(branches_.size());
    branches_.push_back(std::move(branch));
    if (together) return;
    std::vector<std::pair<std::string_view, std::vector<int>>> groups;
    for (const int member : members) {
      const std::string_view next = word_at(member, at);
      const auto group = std::find_if(groups.begin(), groups.end(),
                                      [&](const auto& one) { return one.first == next; });
      if (group == groups.end()) {
        groups.emplace_back(next, std::vector<int>{member});
      } else {
        group->second.push_back(member);
      }
    }
    if (order_ == BranchOrder::kAlphabet) std::sort(groups.begin(), groups.end());
    for (auto& [next, group] : groups) grow(self, std::move(group), at);
  }

  std::span<const AgreeText> texts_;
  BranchOrder order_;
  std::vector<std::vector<std::string_view>> words_;
  std::vector<Branch> branches_;
};

}  // namespace

std::vector<std::string_view> agree_words(const AgreeText& text) {
  std::vector<std::string_view> words;
  const std::vector<Span> spans = words_of(text.text);
  for (const Span& word : spans)
    words.push_back(text.text.substr(word.begin, word.end - word.begin));
  if (text.cut && !spans.empty() && spans.back().end == text.text.size()) words.pop_back();
  return words;
}

std::vector<Branch> branches_of(std::span<const AgreeText> texts, BranchOrder order) {
  return AgreeTree(texts, order).take();
}

}  // namespace medgen::why
