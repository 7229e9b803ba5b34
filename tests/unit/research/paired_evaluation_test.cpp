// Two models on the same data.
#include "research/paired_evaluation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "medgen/error.h"

namespace medgen::research {
namespace {

// The right ones of each are given as bits.
ChoiceEvaluation answered(unsigned right, int items) {
  ChoiceEvaluation evaluation;
  for (int i = 0; i < items; ++i) {
    evaluation.items.push_back({.logprobs = {},
                                .chosen = (right >> static_cast<unsigned>(i) & 1U) == 1 ? 0 : 1,
                                .chosen_normalized = 0,
                                .answer = 0,
                                .type = ""});
  }
  return evaluation;
}

TEST(BinomialPValueTest, IsScipysBinomtest) {
  EXPECT_NEAR(binomial_p_value(3, 15), 0.03515625, 1e-12);
  EXPECT_NEAR(binomial_p_value(12, 15), 0.03515625, 1e-12);
  EXPECT_NEAR(binomial_p_value(40, 100), 0.05688793364098078, 1e-10);
  EXPECT_EQ(binomial_p_value(5, 10), 1);
  EXPECT_EQ(binomial_p_value(0, 0), 1);
}

TEST(CompareChoicesTest, IsMcNemars) {
  const PairedChoices pair =
      compare_choices(answered(0b0000001111, 10), answered(0b1111110011, 10), &ItemScore::right);
  EXPECT_EQ(pair.only_first, 2U);
  EXPECT_EQ(pair.only_second, 6U);
  EXPECT_NEAR(pair.difference, 0.4, 1e-12);
  EXPECT_NEAR(pair.p_value, binomial_p_value(2, 8), 1e-12);
  EXPECT_LT(pair.interval.low, 0.4);
  EXPECT_GT(pair.interval.high, 0.4);
  EXPECT_EQ(compare_choices(answered(1, 10), answered(7, 10), &ItemScore::right_normalized).p_value,
            1);
  EXPECT_THROW(compare_choices(answered(1, 10), answered(1, 9), &ItemScore::right), Error);
}

TEST(CompareTextsTest, ResamplesDocuments) {
  TextEvaluation first, second;
  for (int i = 0; i < 40; ++i) {
    const double nats = 100 + i % 7;
    first.documents.push_back({.nats = nats, .tokens = 30, .bytes = 120, .words = 20, .source = 0});
    second.documents.push_back(
        {.nats = nats - 4 + i % 3, .tokens = 30, .bytes = 120, .words = 20, .source = 0});
  }
  const PairedTexts pair = compare_texts(first, second, 2000);
  EXPECT_NEAR(pair.difference, (-4 + 39.0 / 40) / std::log(2.0) / 120, 1e-9);
  EXPECT_LT(pair.interval.low, pair.difference);
  EXPECT_GT(pair.interval.high, pair.difference);
  EXPECT_LT(pair.interval.high, 0);
  EXPECT_NEAR(pair.p_value, 1.0 / 2001, 1e-12);
  EXPECT_EQ(compare_texts(first, first, 2000).p_value, 1);
  second.documents.pop_back();
  EXPECT_THROW(compare_texts(first, second), Error);
}

}  // namespace
}  // namespace medgen::research
