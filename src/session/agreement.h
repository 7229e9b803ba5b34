// Where several continuations say the same words and where they part: a tree of their words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::session {

// Words that the `members` have in common, where these have parted from the others `depth` times.
struct Branch {
  int depth = 0;
  std::vector<int> members;  // their numbers, from 1
  std::string text;
};

// Every branch before those that it parts into; branches of one have their first words alone.
std::vector<Branch> branches_of(const std::vector<std::string_view>& texts);

}  // namespace medgen::session
