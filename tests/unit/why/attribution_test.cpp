#include "why/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "medgen/error.h"
#include "unit/why/brute_force.h"
#include "unit/why/key_model.h"

namespace medgen::why {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeBackend;
using testing::History;
using ::testing::Pointwise;

constexpr double kClose = 1e-5;  // nats: logits are floats

Question question_of(const History& prompt, const History& made) {
  Question question = question_of_words(word_tokenizer(), prompt, made);
  question.start = 25;
  return question;
}

// Two-token words among them: 0 goes on with the word before.
const History kPrompt = {4, 0, 7, 9, 2, 0};
const History kMade = {5, 0, 11, 3};

TEST(AttributionTest, WordsOfSeveralTokensAreOne) {
  const Question question = question_of(kPrompt, kMade);
  EXPECT_THAT(question.prompt.owners, ElementsAre(0, 0, 1, 2, 3, 3));
  EXPECT_THAT(question.made.owners, ElementsAre(0, 0, 1, 2));
}

TEST(AttributionTest, OcclusionIsWhatBruteForceFinds) {
  for (const bool replaced : {false, true}) {
    FakeBackend backend(kWordsKnown, 64, 4);
    Question question = question_of(kPrompt, kMade);
    if (replaced) question.neutral = 20;
    Erasure erasure(backend, question);
    const Attribution found = occlusion(erasure, false);
    ASSERT_EQ(found.sources, 4U);
    ASSERT_EQ(found.targets, 3U);
    const std::vector<double> whole = brute_logprobs(kPrompt, kMade);
    for (std::size_t s = 0; s < 4; ++s) {
      std::vector<bool> in(4, true);
      in[s] = false;
      const std::vector<double> left = brute_logprobs(brute_prompt(question, in), kMade);
      EXPECT_NEAR(found.at(0, s), whole[0] + whole[1] - left[0] - left[1], kClose);
      EXPECT_NEAR(found.at(1, s), whole[2] - left[2], kClose);
      EXPECT_NEAR(found.at(2, s), whole[3] - left[3], kClose);
    }
  }
}

TEST(AttributionTest, EarlierMadeWordsAreTakenOutOfWhatFollowsThem) {
  FakeBackend backend(kWordsKnown, 64, 4);
  const Question question = question_of(kPrompt, kMade);
  Erasure erasure(backend, question);
  const Attribution found = occlusion(erasure, true);
  ASSERT_EQ(found.sources, 7U);
  History without_first = kPrompt;
  without_first.insert(without_first.end(), {11});
  EXPECT_NEAR(found.at(1, 4), erasure.whole()[1] - brute_logprob(kPrompt, 11), kClose);
  EXPECT_NEAR(found.at(2, 4), erasure.whole()[2] - brute_logprob(without_first, 3), kClose);
  EXPECT_EQ(found.at(0, 4), 0);
  EXPECT_EQ(found.at(0, 5), 0);
  EXPECT_EQ(found.at(1, 5), 0);
  EXPECT_EQ(found.at(2, 6), 0);
  EXPECT_NE(found.at(2, 5), 0);
}

TEST(AttributionTest, ShapleyValuesAreWhatBruteForceFinds) {
  FakeBackend backend(kWordsKnown, 64, 4);
  const Question question = question_of(kPrompt, kMade);
  Erasure erasure(backend, question);
  const Attribution found = shapley(erasure, {});
  EXPECT_TRUE(found.errors.empty());
  const std::vector<double> expected = brute_shapley(4, [&](const std::vector<bool>& in) {
    return brute_logprobs(brute_prompt(question, in), kMade)[2];
  });
  for (std::size_t s = 0; s < 4; ++s) EXPECT_NEAR(found.at(1, s), expected[s], kClose);
  // The checker can fail: another target's are others.
  EXPECT_GT(std::abs(found.at(2, 0) - expected[0]), 100 * kClose);
}

History many_words(int count) {
  History prompt;
  for (int i = 0; i < count; ++i) prompt.push_back(1 + i * 5 % 19);
  return prompt;
}

// Of ten players exactly, by halves of 2^10 coalitions.
std::vector<double> weighted_shapley(const Question& question, std::size_t players) {
  std::vector<double> worth;
  for (std::size_t set = 0; set < std::size_t{1} << players; ++set) {
    std::vector<bool> in(players);
    for (std::size_t i = 0; i < players; ++i) in[i] = (set >> i & 1U) != 0;
    worth.push_back(brute_logprobs(brute_prompt(question, in), question.made.ids)[0]);
  }
  std::vector<double> values(players);
  for (std::size_t i = 0; i < players; ++i) {
    for (std::size_t set = 0; set < worth.size(); ++set) {
      if ((set >> i & 1U) != 0) continue;
      const int size = __builtin_popcountll(set);
      const double share = std::tgamma(size + 1) * std::tgamma(static_cast<int>(players) - size) /
                           std::tgamma(static_cast<int>(players) + 1);
      values[i] += share * (worth[set | (std::size_t{1} << i)] - worth[set]);
    }
  }
  return values;
}

TEST(AttributionTest, SampledShapleyValuesAreNearTheExactOnesAndSayHowNear) {
  FakeBackend backend(kWordsKnown, 64, 8);
  const Question question = question_of(many_words(11), {5});
  Erasure erasure(backend, question);
  const Attribution found = shapley(erasure, {.permutations = 200, .seed = 3});
  const std::vector<double> exact = weighted_shapley(question, 11);
  double sum = 0;
  for (std::size_t s = 0; s < 11; ++s) {
    EXPECT_GT(found.errors[s], 0);
    EXPECT_LT(std::abs(found.at(0, s) - exact[s]), 4 * found.errors[s]);
    EXPECT_NEAR(found.sum_errors[s], found.errors[s], 1e-12);
    sum += found.at(0, s);
  }
  // They share out all that the prompt does, whatever was drawn.
  const double none = brute_logprob({25}, 5);
  EXPECT_NEAR(sum, brute_logprob(question.prompt.ids, 5) - none, kClose);
  EXPECT_EQ(shapley(erasure, {.permutations = 200, .seed = 3}).influence, found.influence);
  EXPECT_NE(shapley(erasure, {.permutations = 200, .seed = 4}).influence, found.influence);
}

TEST(AttributionTest, AContrastIsTheDifferenceOfTwoWords) {
  FakeBackend backend(kWordsKnown, 64, 4);
  Question question = question_of(kPrompt, {5, 0});
  question.instead = {8};
  Erasure erasure(backend, question);
  const Attribution found = occlusion(erasure, false);
  ASSERT_EQ(found.targets, 1U);
  const auto difference = [](const History& prompt) {
    const std::vector<double> made = brute_logprobs(prompt, {5, 0});
    return made[0] + made[1] - brute_logprob(prompt, 8);
  };
  EXPECT_NEAR(erasure.whole()[0], difference(kPrompt), kClose);
  EXPECT_NEAR(found.at(0, 1), difference(kPrompt) - difference({4, 0, 9, 2, 0}), kClose);
  EXPECT_THROW(erasure.without_made(), Error);
}

TEST(AttributionTest, ResultsDoNotDependOnHowManySlotsThereAre) {
  const auto influence = [](int slots) {
    FakeBackend backend(kWordsKnown, 64, slots);
    const Question question = question_of(many_words(12), kMade);
    Erasure erasure(backend, question);
    std::vector<double> all = occlusion(erasure, true).influence;
    const std::vector<double> sampled = shapley(erasure, {.permutations = 5}).influence;
    all.insert(all.end(), sampled.begin(), sampled.end());
    return all;
  };
  EXPECT_EQ(influence(2), influence(16));
}

TEST(AttributionTest, WhatIsSharedIsComputedOnceAndSlotsAreReleased) {
  FakeBackend backend(kWordsKnown, 64, 16);
  const Question question = question_of(many_words(12), kMade);
  {
    Erasure erasure(backend, question);
    occlusion(erasure, false);
    EXPECT_EQ(backend.n_shared, 11);  // all but the one without the first word
  }
  EXPECT_EQ(backend.taken(), 0U);
  // The whole, and of each of twelve texts what stands behind its missing word.
  EXPECT_EQ(backend.rows(), 15U + (11 * 12 / 2 + 12 * 3) + 1);
}

TEST(AttributionTest, WhatDoesNotFitTheContextIsRefused) {
  FakeBackend backend(kWordsKnown, 8, 4);
  const Question question = question_of(kPrompt, kMade);
  EXPECT_THROW(Erasure(backend, question), Error);
  EXPECT_EQ(backend.taken(), 0U);
}

TEST(AttributionTest, WithoutAnythingLeftAndNoStartItIsRefused) {
  FakeBackend backend(kWordsKnown, 64, 4);
  Question question = question_of({4}, kMade);
  question.start.reset();
  Erasure erasure(backend, question);
  EXPECT_THROW(occlusion(erasure, false), Error);
}

TEST(AttributionTest, TokensOfAMethodAreSummedOverWords) {
  const Question question = question_of({4, 0, 7}, {5, 0, 11});
  TokenInfluence tokens{3, 6, std::vector<float>(18)};
  for (std::size_t i = 0; i < 18; ++i) tokens.influence[i] = static_cast<float>(i);
  const Attribution prompt_alone = summed_over_words(tokens, question, false);
  EXPECT_THAT(prompt_alone.influence, ElementsAre(0 + 1 + 6 + 7, 2 + 8, 12 + 13, 14));
  const Attribution all = summed_over_words(tokens, question, true);
  EXPECT_EQ(all.sources, 4U);
  EXPECT_EQ(all.at(1, 2), 15 + 16);
  tokens.n_inputs = 5;
  EXPECT_THROW(summed_over_words(tokens, question, false), std::logic_error);
}

// What is proved of a model by its weights.
class KeyModelTest : public ::testing::Test {
 protected:
  // The key stands at place 4 of `words`.
  static Question key_question(int words) {
    History prompt;
    for (int i = 0; i < words; ++i) prompt.push_back(i == 4 ? kKeyToken : 4 + i * 5 % 12);
    Question question = question_of_words(KeyModel::tokenizer(), prompt, {6, 9, 1});
    question.start = 0;
    return question;
  }
};

TEST_F(KeyModelTest, TheOneTokenThatCountsHasAllTheInfluence) {
  const auto backend = KeyModel(true).backend();
  for (const bool exact : {true, false}) {
    const Question question = key_question(exact ? 8 : 14);
    Erasure erasure(*backend, question);
    for (const Attribution& found :
         {occlusion(erasure, false), shapley(erasure, {.permutations = 20})}) {
      for (std::size_t t = 0; t < found.targets; ++t) {
        for (std::size_t s = 0; s < found.sources; ++s) {
          if (s == 4) {
            EXPECT_GT(std::abs(found.at(t, s)), 0.05) << t;
          } else {
            EXPECT_EQ(found.at(t, s), 0) << t << ", " << s;
          }
        }
      }
    }
  }
}

TEST_F(KeyModelTest, AModelThatIgnoresItsPromptGivesNoneAnyInfluence) {
  const auto backend = KeyModel(false).backend();
  const Question question = key_question(14);
  Erasure erasure(*backend, question);
  EXPECT_THAT(occlusion(erasure, false).influence, Each(0));
  EXPECT_THAT(shapley(erasure, {.permutations = 20}).influence, Each(0));
}

}  // namespace
}  // namespace medgen::why
