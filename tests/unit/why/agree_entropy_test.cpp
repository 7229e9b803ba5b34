#include "why/agree_entropy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

#include "unit/byte_tokenizer.h"

namespace medgen::why {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

std::vector<double> entropies(const std::vector<AgreeText>& texts) {
  return PathEntropies(texts).bits(std::vector<double>(texts.size(), 1));
}

auto near(double value) { return DoubleNear(value, 1e-12); }

TEST(AgreeEntropyTest, TextsThatAgreeHaveNone) {
  EXPECT_THAT(entropies({{"a b"}, {"a b"}, {"a b"}}), ElementsAre(0, 0, 0));  // the end, too
}

TEST(AgreeEntropyTest, IsTheLogarithmOfTheWaysWhereAllAreTakenAlike) {
  EXPECT_THAT(entropies({{"a"}, {"b"}, {"c"}, {"d"}}), ElementsAre(near(2)));
}

TEST(AgreeEntropyTest, IsTheMeanOverThoseWhoAreStillTogether) {
  // Word 1: 2, 2 and 1 of 5. Word 2: those after a part, those after b agree, c is alone.
  const PathEntropies path(std::vector<AgreeText>{{"a x q"}, {"a y q"}, {"b z"}, {"b z"}, {"c w"}});
  ASSERT_EQ(path.places(), 3U);
  EXPECT_EQ(path.together(0), 5);
  EXPECT_EQ(path.together(1), 4);
  EXPECT_EQ(path.together(2), 2);
  const double first = -2 * 0.4 * std::log2(0.4) - 0.2 * std::log2(0.2);
  EXPECT_THAT(path.bits(std::vector<double>(5, 1)), ElementsAre(near(first), near(0.5), near(0)));
  // Texts drawn again weigh more; a text drawn again does not make a group of its own.
  const double drawn = -0.5 * std::log2(0.5) - 0.4 * std::log2(0.4) - 0.1 * std::log2(0.1);
  EXPECT_THAT(path.bits(std::vector<double>{4, 1, 4, 0, 1})[0], near(drawn));
  EXPECT_TRUE(std::isnan(path.bits(std::vector<double>{1, 1, 0, 0, 1})[2]));
}

TEST(AgreeEntropyTest, TheChainRuleGivesTheEntropyOfWholeTexts) {
  // While nobody is alone, the sum over words is the entropy of the four different texts.
  std::vector<AgreeText> texts;
  for (int i = 0; i < 3; ++i) texts.push_back({"a b c"});
  for (int i = 0; i < 5; ++i) texts.push_back({"a b d"});
  for (int i = 0; i < 6; ++i) texts.push_back({"a e"});
  for (int i = 0; i < 2; ++i) texts.push_back({"f"});
  double whole = 0;
  for (const double count : {3.0, 5.0, 6.0, 2.0}) whole -= count / 16 * std::log2(count / 16);
  const std::vector<double> bits = entropies(texts);
  const PathEntropies path(texts);
  double sum = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) sum += bits[i] * path.together(i) / 16;
  EXPECT_NEAR(sum, whole, 1e-12);
}

TEST(AgreeEntropyTest, WhatWasCutSaysNothingOfTheNextWord) {
  EXPECT_THAT(entropies({{"a fe", true}, {"a b"}, {"a c"}}), ElementsAre(near(0), near(1)));
}

TEST(AgreeEntropyTest, TheModelsOwnIsSummedOverTheTokensOfAWord) {
  const ByteTokenizer tokenizer;
  Completion completion;
  completion.text = " ab c";
  completion.tokens = tokenizer.encode(completion.text, Specials::kAsText);
  for (std::size_t i = 0; i < completion.tokens.size(); ++i) {
    TokenLogprobs token;
    token.entropy = std::numbers::ln2 * std::exp2(i);
    completion.logprobs.push_back(token);
  }
  EXPECT_THAT(model_entropies(tokenizer, completion), ElementsAre(near(1 + 2 + 4), near(8 + 16)));
}

}  // namespace
}  // namespace medgen::why
