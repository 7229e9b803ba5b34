// See the header.
#include "session/agreement.h"

#include <algorithm>
#include <utility>

#include "session/words.h"

namespace medgen::session {
namespace {

constexpr std::size_t kWordsOfOne = 6;

using WordList = std::vector<std::string_view>;

// "" past the end, where texts that end stay together.
std::string_view word_at(const WordList& words, std::size_t at) {
  return at < words.size() ? words[at] : std::string_view();
}

class Tree {
 public:
  explicit Tree(const std::vector<std::string_view>& texts) {
    std::vector<int> all;
    for (const std::string_view text : texts) {
      WordList words;
      for (const why::Span& word : words_of(text))
        words.push_back(text.substr(word.begin, word.end - word.begin));
      words_.push_back(std::move(words));
      all.push_back(static_cast<int>(words_.size()));
    }
    if (!all.empty()) grow(0, all, 0);
  }
  std::vector<Branch> take() { return std::move(branches_); }

 private:
  const WordList& words(int member) const { return words_[static_cast<std::size_t>(member - 1)]; }

  bool agree(const std::vector<int>& members, std::size_t at) const {
    return std::all_of(members.begin(), members.end(), [&](int member) {
      return at < words(member).size() && words(member)[at] == word_at(words(members[0]), at);
    });
  }

  void grow(int depth, const std::vector<int>& members, std::size_t at) {
    Branch branch{depth, members, {}};
    const std::size_t begin = at;
    while (agree(members, at) && (members.size() > 1 || at - begin < kWordsOfOne)) {
      branch.text += (at == begin ? "" : " ") + std::string(words(members[0])[at]);
      ++at;
    }
    if (members.size() == 1 && at < words(members[0]).size()) branch.text += " …";
    if (depth > 0 || !branch.text.empty()) branches_.push_back(std::move(branch));
    if (members.size() == 1) return;
    // In the order in which they first appear.
    std::vector<std::pair<std::string_view, std::vector<int>>> groups;
    for (const int member : members) {
      const std::string_view next = word_at(words(member), at);
      const auto group = std::find_if(groups.begin(), groups.end(),
                                      [&](const auto& one) { return one.first == next; });
      if (group == groups.end()) {
        groups.emplace_back(next, std::vector<int>{member});
      } else {
        group->second.push_back(member);
      }
    }
    if (groups.size() == 1) return;  // all end here
    for (const auto& [next, group] : groups) grow(depth + 1, group, at);
  }

  std::vector<WordList> words_;
  std::vector<Branch> branches_;
};

}  // namespace

std::vector<Branch> branches_of(const std::vector<std::string_view>& texts) {
  return Tree(texts).take();
}

}  // namespace medgen::session
