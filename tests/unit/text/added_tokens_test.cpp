// Where added tokens are found: the expectations are what Hugging Face's `tokenizers` 0.23 gives.
#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "text/normalizer.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::HasSubstr;
using text_test::error_of;

// "[id]" for a token, "text|" for what lies between.
std::string split(const std::vector<AddedTokenRule>& rules, std::string_view text,
                  Specials specials = Specials::kParse,
                  const AddedTokens::Normalize& normalize = {}) {
  std::string result;
  AddedTokens(rules, normalize, "here")
      .split(
          text, specials, normalize, [&](TokenId id) { result += "[" + std::to_string(id) + "]"; },
          [&](std::string_view part) { result.append(part).append("|"); });
  return result;
}

std::string lowered(std::string_view text) {
  return normalized(text, {NormalizerStep::kLowercase});
}

AddedTokenRule rule(const std::string& text, TokenId id) { return {.text = text, .id = id}; }

TEST(TokenFinderTest, FindsWhatASearchPlaceByPlaceFinds) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> spellings;
    for (std::size_t i = 0; i < 1 + random() % 8; ++i) {
      std::string spelling;
      for (std::size_t n = 0; n < 1 + random() % 5; ++n)
        spelling += static_cast<char>('a' + random() % 2);
      spellings.push_back(spelling);
    }
    std::string text;
    for (int i = 0; i < 60; ++i) text += static_cast<char>('a' + random() % 3);
    std::vector<std::pair<std::size_t, std::string>> expected, found;
    for (std::size_t at = 0; at < text.size();) {
      std::string longest;
      for (const std::string& spelling : spellings) {
        if (spelling.size() > longest.size() && text.compare(at, spelling.size(), spelling) == 0)
          longest = spelling;
      }
      if (!longest.empty()) expected.emplace_back(at, longest);
      at += std::max<std::size_t>(1, longest.size());
    }
    for (const TokenFinder::Match& match : TokenFinder(spellings).find(text)) {
      EXPECT_EQ(spellings[match.spelling], text.substr(match.start, match.end - match.start));
      found.emplace_back(match.start, spellings[match.spelling]);
    }
    ASSERT_EQ(found, expected);
  }
}

TEST(TokenFinderTest, OfTwoAlikeTheFirstCounts) {
  const auto found = TokenFinder({"ab", "ab", "b"}).find("xab");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].spelling, 0U);
}

// A search that begins anew after each match would read the text a million times.
TEST(TokenFinderTest, HostileSpellingsTakeNoLongerThanOthers) {
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(TokenFinder({"a", text + "b"}).find(text).size(), text.size());
  EXPECT_EQ(TokenFinder({text}).find(text).size(), 1U);
}

TEST(AddedTokensTest, SplitsTextAtEveryToken) {
  const std::vector<AddedTokenRule> rules = {rule("<s>", 1), rule("</s>", 2)};
  EXPECT_EQ(split(rules, "<s>a b</s>c<s><s>"), "[1]a b|[2]c|[1][1]");
  EXPECT_EQ(split(rules, "<s"), "<s|");
  EXPECT_EQ(split(rules, "<<s>>"), "<|[1]>|");
  EXPECT_EQ(split(rules, ""), "");
  EXPECT_EQ(split({}, "<s>"), "<s>|");
}

TEST(AddedTokensTest, TheLongestOfThoseThatStartTogetherWins) {
  EXPECT_EQ(split({rule("<a", 1), rule("<a><b>", 3), rule("<a>", 2)}, "<a><b><a><a"), "[3][2][1]");
}

TEST(AddedTokensTest, SpecialTokensAreTextUnlessAskedFor) {
  std::vector<AddedTokenRule> rules = {rule("<dose>", 1), rule("<dose>s", 2)};
  rules[1].special = true;
  EXPECT_EQ(split(rules, "a<dose>s"), "a|[2]");
  EXPECT_EQ(split(rules, "a<dose>s", Specials::kAsText), "a|[1]s|");
}

TEST(AddedTokensTest, ThoseThatAreNotNormalizedComeFirst) {
  std::vector<AddedTokenRule> rules = {rule("<b>", 1), rule("a<b>", 2)};
  EXPECT_EQ(split(rules, "xa<b>y"), "x|[2]y|");
  rules[1].normalized = true;
  EXPECT_EQ(split(rules, "xa<b>y"), "xa|[1]y|");
}

TEST(AddedTokensTest, ANormalizedOneIsFoundInNormalizedText) {
  std::vector<AddedTokenRule> rules = {rule("ABC", 1)};
  EXPECT_EQ(split(rules, "X abc ABC", Specials::kParse, lowered), "x abc |[1]");
  rules[0].normalized = true;
  EXPECT_EQ(split(rules, "X abc ABC", Specials::kParse, lowered), "x |[1] |[1]");
}

TEST(AddedTokensTest, WhiteSpaceGoesToTheTokenThatStripsIt) {
  std::vector<AddedTokenRule> rules = {rule("q", 1), rule(" ", 2)};
  EXPECT_EQ(split(rules, "a q  b"), "a|[2][1][2][2]b|");
  rules[0].rstrip = true;
  EXPECT_EQ(split(rules, "a q \t\u3000b"), "a|[2][1][2]\t\u3000b|");
  rules.pop_back();
  EXPECT_EQ(split(rules, "a q \t\u3000b"), "a |[1]b|");
  rules[0].lstrip = true;
  EXPECT_EQ(split(rules, "a \n q  q b"), "a|[1][1]b|");
}

TEST(AddedTokensTest, WhiteSpaceThatIsATokenItselfCountsTwice) {
  std::vector<AddedTokenRule> rules = {rule("\n", 1)};
  rules[0].rstrip = true;
  EXPECT_EQ(split(rules, "a\n\n\nb"), "a|[1][1][1]b|");
  rules[0].lstrip = true;
  EXPECT_EQ(split(rules, "a\n\n\nb"), "a|[1]b|");
}

TEST(AddedTokensTest, ASingleWordHasNoLetterDigitOrUnderscoreBesideIt) {
  std::vector<AddedTokenRule> rules = {rule("mg", 1)};
  rules[0].single_word = true;
  EXPECT_EQ(split(rules, "mg 5mg mg_ \u00e9mg -mg- mg"), "[1] 5mg mg_ \u00e9mg -|[1]- |[1]");
}

TEST(AddedTokensTest, MoreThanFourMebibytesOfSpellingsAreRefused) {
  const auto error = error_of([] { split({rule(std::string((4 << 20) + 1, 'a'), 1)}, "a"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kModel);
  EXPECT_THAT(error->what(), HasSubstr("longer than 4 MiB"));
}

}  // namespace
}  // namespace medgen::text
