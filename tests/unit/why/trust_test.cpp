#include "why/trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "unit/why/brute_force.h"

namespace medgen::why {
namespace {

using testing::FakeBackend;
using testing::History;
using ::testing::SizeIs;

// A model to which each token of the context adds its own amount to the logit of token 1.
testing::LogitsOf additive_logits(double scale) {
  return [scale](const History& history) {
    std::vector<float> logits(kWordsKnown, 0.0F);
    for (const TokenId token : history) logits[1] += static_cast<float>(scale * (token % 7));
    return logits;
  };
}

Question question_of(int words) {
  History prompt;
  for (int i = 0; i < words; ++i) prompt.push_back(2 + i);
  Question question = question_of_words(word_tokenizer(), prompt, {1, 1});
  question.start = 25;
  return question;
}

std::optional<Trust> trust_of(int words, double scale, const std::vector<double>* sums = nullptr,
                              const TrustOptions& options = {}) {
  FakeBackend backend(kWordsKnown, 64, 8, additive_logits(scale));
  const Question question = question_of(words);
  Erasure erasure(backend, question);
  const std::vector<double> own = occlusion(erasure, false).sums();
  return trust_in(erasure, sums == nullptr ? own : *sums, options);
}

TEST(TrustTest, WhatPredictsTheModelIsBetterThanRandom) {
  const Trust trust = trust_of(20, 0.02).value();
  EXPECT_EQ(trust.verdict, TrustVerdict::kBetter);
  EXPECT_EQ(trust.named, 4U);
  EXPECT_FALSE(trust.all_others);
  EXPECT_THAT(trust.comprehensiveness.others, SizeIs(20));
  EXPECT_EQ(trust.comprehensiveness.others_as_good, 0U);
  EXPECT_GT(trust.comprehensiveness.named, trust.comprehensiveness.mean_of_others);
  EXPECT_LT(trust.sufficiency.named, trust.sufficiency.mean_of_others);
  EXPECT_GT(trust.correlation.value(), 0.95);
  EXPECT_LE(trust.p, 0.002);
}

TEST(TrustTest, WrongInfluencesAreNoBetterThanRandom) {
  std::vector<double> wrong(20);
  for (std::size_t i = 0; i < 20; ++i) wrong[i] = static_cast<double>(i * 11 % 20);
  const Trust trust = trust_of(20, 0.02, &wrong).value();
  EXPECT_EQ(trust.verdict, TrustVerdict::kNoBetter);
  std::vector<double> opposite(20);
  for (std::size_t i = 0; i < 20; ++i) opposite[i] = -static_cast<double>((i + 2) % 7);
  EXPECT_EQ(trust_of(20, 0.02, &opposite).value().verdict, TrustVerdict::kNoBetter);
}

TEST(TrustTest, AModelThatIgnoresItsPromptIsNoBetterThanRandom) {
  const Trust trust = trust_of(20, 0).value();
  EXPECT_EQ(trust.verdict, TrustVerdict::kNoBetter);
  EXPECT_FALSE(trust.correlation.has_value());
  EXPECT_EQ(trust.comprehensiveness.others_as_good, 20U);
}

TEST(TrustTest, BothTestsAreWhatTheirDefinitionsSay) {
  const Trust trust = trust_of(6, 0.1).value();  // tokens 2 .. 7: the two largest are 6 and 5
  const auto loss = [](const History& left) {
    double lost = 0;
    for (const History* prompt : {&left}) {
      FakeBackend unused(kWordsKnown, 64, 2);
      History whole = {2, 3, 4, 5, 6, 7}, other = *prompt;
      for (int i = 0; i < 2; ++i) {
        const auto logprob = [](const History& history) {
          const std::vector<float> logits = additive_logits(0.1)(history);
          double sum = 0;
          for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
          return static_cast<double>(logits[1]) - std::log(sum);
        };
        lost += logprob(whole) - logprob(other);
        whole.push_back(1);
        other.push_back(1);
      }
    }
    return lost / 2;
  };
  EXPECT_EQ(trust.named, 2U);
  EXPECT_NEAR(trust.comprehensiveness.named, loss({2, 3, 4, 7}), 1e-5);
  EXPECT_NEAR(trust.sufficiency.named, loss({5, 6}), 1e-5);
  EXPECT_TRUE(trust.all_others);
  EXPECT_THAT(trust.comprehensiveness.others, SizeIs(14));  // 6 over 2, but one
  const auto& others = trust.comprehensiveness.others;
  EXPECT_NEAR(trust.comprehensiveness.mean_of_others,
              std::accumulate(others.begin(), others.end(), 0.0) / 14, 1e-12);
}

TEST(TrustTest, ThreePartsAreTooFewAndTwoAreNotTested) {
  EXPECT_EQ(trust_of(3, 0.1).value().verdict, TrustVerdict::kTooFew);
  EXPECT_FALSE(trust_of(2, 0.1).has_value());
}

TEST(TrustTest, DrawsDependOnTheSeedAlone) {
  const auto others = [](std::uint64_t seed) {
    return trust_of(20, 0.02, nullptr, {.draws = 30, .seed = seed})
        .value()
        .comprehensiveness.others;
  };
  EXPECT_EQ(others(1), others(1));
  EXPECT_NE(others(1), others(2));
  EXPECT_THAT(others(1), SizeIs(30));
}

TEST(TrustTest, KendallsTauCountsPairsAndTies) {
  const std::vector<double> a = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, a).value(), 1);
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, std::vector<double>{4, 3, 2, 1}).value(), -1);
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, std::vector<double>{1, 2, 4, 3}).value(), 4.0 / 6);
  // scipy.stats.kendalltau([1, 2, 2, 3], [1, 3, 2, 2]).statistic
  EXPECT_NEAR(
      kendall_tau_b(std::vector<double>{1, 2, 2, 3}, std::vector<double>{1, 3, 2, 2}).value(), 0.4,
      1e-12);
  EXPECT_FALSE(kendall_tau_b(a, std::vector<double>{1, 1, 1, 1}).has_value());
}

}  // namespace
}  // namespace medgen::why
