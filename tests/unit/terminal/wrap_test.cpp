// Rows of a width.
#include "terminal/wrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace medgen::terminal {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> rows(const std::string& text, int columns) {
  std::vector<std::string> all;
  for (const auto [begin, end] : wrap(text, columns))
    all.push_back(text.substr(begin, end - begin));
  return all;
}

TEST(WrapTest, BreaksAtWordsThatFit) {
  EXPECT_THAT(rows("fever and cough", 9), ElementsAre("fever and", "cough"));
  EXPECT_THAT(rows("fever and cough", 8), ElementsAre("fever", "and", "cough"));
  EXPECT_THAT(rows("fever and cough", 15), ElementsAre("fever and cough"));
  EXPECT_THAT(rows("fever and cough", 14), ElementsAre("fever and", "cough"));
}

TEST(WrapTest, NewlinesBreakAndBlanksAtABreakAreInNoRow) {
  EXPECT_THAT(rows("a\n\nb", 5), ElementsAre("a", "", "b"));
  EXPECT_THAT(rows("fever    cough", 6), ElementsAre("fever", "cough"));
  EXPECT_THAT(rows("fever   \ncough \n", 9), ElementsAre("fever", "cough", ""));
  EXPECT_THAT(rows("", 5), ElementsAre(""));
  EXPECT_THAT(rows("  a", 5), ElementsAre("  a")) << "an indent stays";
}

TEST(WrapTest, AWordThatIsTooLongIsBroken) {
  EXPECT_THAT(rows("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(rows("to abcdefgh", 4), ElementsAre("to", "abcd", "efgh"));
  EXPECT_THAT(rows("abc", 1), ElementsAre("a", "b", "c"));
}

TEST(WrapTest, WideCharactersTakeTwoColumnsAndCombiningOnesNone) {
  EXPECT_EQ(width_of("\xE7\x99\xBC\xE7\x86\xB1"), 4);
  EXPECT_EQ(width_of("e\xCC\x81"), 1);
  EXPECT_THAT(rows("\xE7\x99\xBC\xE7\x86\xB1\xE7\x99\xBC", 5),
              ElementsAre("\xE7\x99\xBC\xE7\x86\xB1", "\xE7\x99\xBC"));
  EXPECT_THAT(rows("cafe\xCC\x81s", 4), ElementsAre("cafe\xCC\x81", "s"));
  EXPECT_THAT(rows("\xE7\x99\xBC\xE7\x86\xB1", 1), ElementsAre("\xE7\x99\xBC", "\xE7\x86\xB1"))
      << "no row is empty, however narrow";
}

TEST(WrapTest, ATextThatGrowsIsBrokenAsAWhole) {
  const std::vector<std::string> pieces = {"a",    " ",    "word",         "  ",        "\n",
                                           " and", "long", "\xE7\x99\xBC", "e\xCC\x81", "\xCC\x81"};
  std::mt19937 random(3);
  for (const int columns : {1, 2, 3, 7, 20}) {
    std::string text;
    std::vector<Range> rows;
    for (int i = 0; i < 500; ++i) {
      text += pieces[random() % pieces.size()];
      wrap_more(text, columns, rows);
      ASSERT_EQ(rows, wrap(text, columns)) << columns << ":" << text;
    }
  }
}

TEST(WrapTest, CharactersAreWhatAPersonSeesAsOne) {
  EXPECT_EQ(first_character("e\xCC\x81x"), 3U);
  EXPECT_EQ(last_character("xe\xCC\x81"), 3U);
  EXPECT_EQ(last_character("x "), 1U);
  EXPECT_EQ(last_character("a e\xCC\x81"), 3U);
  EXPECT_EQ(first_character(""), 0U);
  EXPECT_EQ(last_character(""), 0U);
  EXPECT_EQ(first_character("\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xAC!"), 11U) << "joined";
}

}  // namespace
}  // namespace medgen::terminal
