// Normalizers and pre-tokenizers, as in a tokenizer.json.
#include "text/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/pre_tokenizer.h"
#include "text/utf8.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::ElementsAre;
using Step = NormalizerStep;

TEST(NormalizerTest, UnicodesFourForms) {
  const std::string text = "cafe\u0301 \ufb01 \u00c5 \u2460";
  EXPECT_EQ(normalized(text, {Step::kNfc}), "caf\u00e9 \ufb01 \u00c5 \u2460");
  EXPECT_EQ(normalized(text, {Step::kNfd}), "cafe\u0301 \ufb01 A\u030a \u2460");
  EXPECT_EQ(normalized(text, {Step::kNfkc}), "caf\u00e9 fi \u00c5 1");
  EXPECT_EQ(normalized(text, {Step::kNfkd}), "cafe\u0301 fi A\u030a 1");
  EXPECT_EQ(normalized("\ud55c", {Step::kNfd}), "\u1112\u1161\u11ab");
  EXPECT_EQ(normalized("\u1112\u1161\u11ab", {Step::kNfc}), "\ud55c");
}

TEST(NormalizerTest, MarksComeInTheirOrder) {
  EXPECT_EQ(normalized("e\u0302\u0323", {Step::kNfd}), "e\u0323\u0302");
  EXPECT_EQ(normalized("e\u0302\u0323", {Step::kNfc}), "\u1ec7");
}

// Sorted one step at a time, these would take hours.
TEST(NormalizerTest, AMillionMarksInARowAreSortedAtOnce) {
  std::string text = "e";
  for (int i = 0; i < 250000; ++i) text += "\u0302\u0323";
  const std::string sorted = normalized(text, {Step::kNfd});
  EXPECT_EQ(sorted.size(), text.size());
  EXPECT_TRUE(sorted.starts_with("e\u0323\u0323"));
}

TEST(NormalizerTest, LowercaseAndStrip) {
  EXPECT_EQ(normalized("\u0130\u1e9e\u00c9A\u03a3", {Step::kLowercase}),
            "i\u0307\u00df\u00e9a\u03c3");
  EXPECT_EQ(normalized(" \t\u3000a \n", {Step::kStripLeft}), "a \n");
  EXPECT_EQ(normalized(" \ta \u00a0\n", {Step::kStripRight}), " \ta");
  EXPECT_EQ(normalized("  ", {Step::kStripLeft, Step::kStripRight}), "");
  EXPECT_EQ(normalized(" A", {}), " A");
}

TEST(NormalizerTest, RandomTextStaysValid) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const std::string text = text_test::random_text(random, 40);
    for (const Step step : {Step::kNfc, Step::kNfd, Step::kNfkc, Step::kNfkd, Step::kLowercase}) {
      const std::string once = normalized(text, {step});
      ASSERT_FALSE(find_invalid_utf8(once));
      ASSERT_EQ(normalized(once, {step}), once);
    }
  }
}

std::vector<std::string> words(std::vector<PreTokenizerStep> steps, std::string_view text) {
  std::vector<std::string> result;
  PreTokenizer(std::move(steps)).split(text, [&](std::string_view word) {
    result.emplace_back(word);
  });
  return result;
}

TEST(PreTokenizerTest, StepsFollowEachOther) {
  using enum PreTokenizerStep;
  EXPECT_THAT(words({}, "a b 12"), ElementsAre("a b 12"));
  EXPECT_THAT(words({kGpt2Words}, "a b 12"), ElementsAre("a", " b", " 12"));
  EXPECT_THAT(words({kEachDigit}, "a12\u00bdb"), ElementsAre("a", "1", "2", "\u00bd", "b"));
  EXPECT_THAT(words({kRunsOfDigits}, "a12\u0663b"), ElementsAre("a", "12\u0663", "b"));
  EXPECT_THAT(words({kEachDigit, kAddPrefixSpace, kGpt2Words}, "a 12"),
              ElementsAre(" a", " ", " 1", " 2"));
}

}  // namespace
}  // namespace medgen::text
