// Where the spellings of special tokens are found.
#include "text/special_tokens.h"

#include <gtest/gtest.h>

namespace medgen::text {
namespace {

// "[id]" for a special token, "text|" for what lies between.
std::string shown(const SpecialTokens& tokens, std::string_view text) {
  std::string result;
  for (const auto& part : tokens.split(text)) {
    if (part.special) {
      result.append("[").append(std::to_string(*part.special)).append("]");
    } else {
      result.append(part.text).append("|");
    }
  }
  return result;
}

TEST(SpecialTokensTest, SplitsTextAtEveryToken) {
  const SpecialTokens tokens({{"<s>", 1}, {"</s>", 2}});
  EXPECT_EQ(shown(tokens, "<s>a b</s>c<s><s>"), "[1]a b|[2]c|[1][1]");
  EXPECT_EQ(shown(tokens, "<s"), "<s|");
  EXPECT_EQ(shown(tokens, "<<s>>"), "<|[1]>|");
  EXPECT_EQ(shown(tokens, ""), "");
}

TEST(SpecialTokensTest, TheLongestOfThoseThatStartTogetherWins) {
  const SpecialTokens tokens({{"<a", 1}, {"<a><b>", 3}, {"<a>", 2}});
  EXPECT_EQ(shown(tokens, "<a><b><a><a"), "[3][2][1]");
}

TEST(SpecialTokensTest, WithoutTokensTextStaysWhole) {
  EXPECT_EQ(shown(SpecialTokens(), "<s>"), "<s>|");
}

}  // namespace
}  // namespace medgen::text
