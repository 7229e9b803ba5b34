#include "session/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "medgen/error.h"
#include "session/wipe.h"
#include "unit/session/fake_session.h"

namespace medgen::session {
namespace {

using medgen::testing::FakeBackend;
using medgen::testing::hashed_logits;
using medgen::testing::History;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;

class SessionWordsTest : public ::testing::Test {
 protected:
  // By the definition: the softmax of the logits after `history`.
  static double probability(const History& history, TokenId token) {
    const std::vector<float> logits = hashed_logits(10)(history);
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    return std::exp(static_cast<double>(logits[static_cast<std::size_t>(token)])) / sum;
  }

  WordTokenizer tokenizer_{kWords};
  FakeBackend backend_{10, 64, 16};
};

TEST_F(SessionWordsTest, AWordHasTheProbabilityOfItsToken) {
  Completion completion;
  completion.tokens = {2, 7, 5, 9};  // the last one ends the text
  completion.text = " a sharp pain";
  const std::vector<double> found = word_probabilities(backend_, tokenizer_, {0, 1}, completion);
  const std::vector<double> expected = {probability({0, 1}, 2), probability({0, 1, 2}, 7),
                                        probability({0, 1, 2, 7}, 5)};
  EXPECT_THAT(found, Pointwise(DoubleNear(1e-6), expected));
  EXPECT_EQ(backend_.taken(), 0U);
}

TEST_F(SessionWordsTest, ALongTextIsLookedThroughInParts) {
  FakeBackend backend{10, 1000, 1};
  Completion completion;
  std::vector<double> expected;
  History history = {0, 1};
  for (TokenId i = 0; i < 300; ++i) {
    const TokenId token = i % 9;
    completion.tokens.push_back(token);
    completion.text += tokenizer_.token_bytes(token);
    expected.push_back(probability(history, token));
    history.push_back(token);
  }
  EXPECT_THAT(word_probabilities(backend, tokenizer_, {0, 1}, completion),
              Pointwise(DoubleNear(1e-6), expected));
  EXPECT_LE(*std::max_element(backend.rows_per_step.begin(), backend.rows_per_step.end()), 64U);
}

TEST_F(SessionWordsTest, AlternativesAreTheLikeliestWordsInOrder) {
  const std::vector<Alternative> found = alternatives(backend_, tokenizer_, {0, 1}, 4);
  ASSERT_EQ(found.size(), 4U);
  double last = 1;
  for (const Alternative& one : found) {
    EXPECT_TRUE(one.text.starts_with(" ")) << one.text;
    EXPECT_THAT(one.text, Not(HasSubstr("END")));
    const TokenId token = tokenizer_.encode(one.text, Specials::kAsText).front();
    EXPECT_NEAR(one.probability, probability({0, 1}, token), 1e-6);
    EXPECT_LE(one.probability, last);
    last = one.probability;
  }
  EXPECT_EQ(backend_.taken(), 0U);
}

TEST_F(SessionWordsTest, APlaceIsWhatStandsBeforeTheWord) {
  Completion completion;
  completion.tokens = {2, 7, 5};
  completion.text = " a sharp pain";
  const Place place = place_before(tokenizer_, completion, words_of(completion.text)[2]);
  EXPECT_THAT(place.tokens, ElementsAre(2, 7));
  EXPECT_EQ(place.text, " a sharp");
}

TEST_F(SessionWordsTest, AWordIsFoundByItsSpellingOrItsPlace) {
  const std::string text = " I have a Cough. A cough, 3 days";
  EXPECT_EQ(find_word(text, "cough"), 3U);
  EXPECT_EQ(find_word(text, "2"), 1U);
  EXPECT_EQ(find_word(text, "days"), 7U);
  try {
    find_word(text, "Smith");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("Smith")));
  }
}

TEST(WipeTest, AForgottenTextIsOverwrittenToItsOldEnd) {
  std::string text = "a long text about a patient of ours, longer than what is kept inside";
  const char* const memory = text.data();
  const std::size_t size = text.size();
  text.resize(20);  // what is beyond is still there
  wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string(memory, size), std::string(size, '\0'));
}

// Companion: what clear() leaves.
TEST(WipeTest, AClearedTextIsStillThere) {
  std::string text = "a long text about a patient of ours, longer than what is kept inside";
  const char* const memory = text.data();
  text.clear();
  EXPECT_EQ(std::string(memory + 1, 5), " long");
}

}  // namespace
}  // namespace medgen::session
