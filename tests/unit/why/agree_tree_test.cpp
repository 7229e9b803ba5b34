#include "why/agree_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace medgen::why {
namespace {

using ::testing::ElementsAre;

// A line for each branch: as many > as its depth, its texts from 1, its words, what follows.
std::vector<std::string> lines_of(const std::vector<AgreeText>& texts,
                                  BranchOrder order = BranchOrder::kAppearance) {
  std::vector<std::string> lines;
  const std::vector<Branch> branches = branches_of(texts, order);
  for (const Branch& branch : branches) {
    std::string line(static_cast<std::size_t>(branch.depth), '>');
    for (const int member : branch.members) line += std::to_string(member + 1);
    for (const std::string_view word : branch.words) line += " " + std::string(word);
    if (branch.then == Branch::Then::kEnds) line += " .";
    if (branch.then == Branch::Then::kCut) line += " ~";
    lines.push_back(line);
    if (branch.parent < 0) continue;
    const Branch& parent = branches.at(static_cast<std::size_t>(branch.parent));
    EXPECT_EQ(branch.depth, parent.depth + 1);
    EXPECT_EQ(branch.words_before, parent.words_before + parent.words.size());
  }
  return lines;
}

TEST(AgreeTreeTest, TextsPartWhereTheirWordsDo) {
  EXPECT_THAT(lines_of({{"a b c"}, {"a b d"}, {"a x"}}),
              ElementsAre("123 a", ">12 b", ">>1 c .", ">>2 d .", ">3 x ."));
  EXPECT_THAT(lines_of({{"a b"}, {"c"}}), ElementsAre("12", ">1 a b .", ">2 c ."));
  EXPECT_THAT(lines_of({{"a b"}, {" a\nb "}}), ElementsAre("12 a b ."));
  EXPECT_THAT(lines_of({}), ElementsAre());
  EXPECT_THAT(lines_of({{""}}), ElementsAre("1 ."));
}

TEST(AgreeTreeTest, AnEndIsAWayToGoOn) {
  EXPECT_THAT(lines_of({{"a"}, {"a b"}}), ElementsAre("12 a", ">1 .", ">2 b ."));
}

TEST(AgreeTreeTest, ACutTextLosesItsLastWordAndDoesNotEnd) {
  EXPECT_THAT(lines_of({{"a b fe", true}, {"a b"}}), ElementsAre("12 a b", ">1 ~", ">2 ."));
  EXPECT_THAT(lines_of({{"a b ", true}, {"a b"}}), ElementsAre("12 a b", ">1 ~", ">2 ."));
  EXPECT_THAT(lines_of({{"a fev", true}, {"a fever", true}}), ElementsAre("12 a ~"));
}

TEST(AgreeTreeTest, BranchesStandInTheOrderThatIsAskedFor) {
  const std::vector<AgreeText> texts = {{"x"}, {"b"}, {"x y"}, {""}};
  EXPECT_THAT(lines_of(texts), ElementsAre("1234", ">13 x", ">>1 .", ">>3 y .", ">2 b .", ">4 ."));
  EXPECT_THAT(lines_of(texts, BranchOrder::kAlphabet),
              ElementsAre("1234", ">4 .", ">2 b .", ">13 x", ">>1 .", ">>3 y ."));
}

}  // namespace
}  // namespace medgen::why
