// Self-BLEU against nltk (scripts/make_metrics_fixture.py), and what a group adds to it against
// plain recomputation without the group.
#include "research/self_bleu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>

#include "unit/research/metrics_fixture.h"

namespace medgen::research {
namespace {

using Json = nlohmann::json;

constexpr double kNear = 1e-9;

TEST(SelfBleuTest, EachTextScoresWhatNltkGives) {
  const NgramOrders orders = count_ngrams(fixture_texts());
  std::vector<std::size_t> all(orders[0].texts.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  SelfBleu bleu(orders);
  const std::vector<double> scores = bleu.scores(all, all);
  const Json& expected = fixture()["self_bleu_4_of_texts"];
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected[i], kNear) << i;
}

TEST(SelfBleuTest, WithinPromptsScoresWhatNltkGives) {
  const NgramOrders orders = count_ngrams(fixture_texts());
  SelfBleu bleu(orders);
  double sum = 0;
  for (const auto& [prompt, texts] : fixture_prompts()) {
    for (const double score : bleu.scores(texts, texts)) sum += score;
  }
  EXPECT_NEAR(sum / 60, fixture()["expected"]["self_bleu_4_prompt"], kNear);
}

TEST(SelfBleuTest, IsOneForTheSameTextTwiceAndNearZeroForStrangers) {
  const NgramOrders orders =
      count_ngrams(std::vector<std::vector<TokenId>>{{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, {9, 8}});
  SelfBleu bleu(orders);
  const std::vector<std::size_t> all = {0, 1, 2};
  const std::vector<double> scores = bleu.scores(all, all);
  EXPECT_NEAR(scores[0], 1, kNear);
  EXPECT_NEAR(scores[1], 1, kNear);
  EXPECT_EQ(scores[2], 0);
}

using Groups = std::vector<std::vector<std::size_t>>;

std::optional<double> recomputed(const NgramOrders& orders, const Groups& groups, std::size_t left,
                                 const std::vector<std::size_t>& scored) {
  std::vector<std::size_t> among, rest;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (g == left) continue;
    for (const std::size_t text : groups[g]) {
      among.push_back(text);
      if (std::count(scored.begin(), scored.end(), text) > 0) rest.push_back(text);
    }
  }
  if (among.size() < 2 || rest.empty()) return std::nullopt;
  const std::vector<double> scores = SelfBleu(orders).scores(among, rest);
  return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

void expect_recomputed(const std::vector<std::vector<TokenId>>& texts, const Groups& groups,
                       const std::vector<std::size_t>& scored) {
  const NgramOrders orders = count_ngrams(texts);
  const auto without = self_bleu_without(orders, groups, scored);
  ASSERT_EQ(without.size(), groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto expected = recomputed(orders, groups, g, scored);
    ASSERT_EQ(without[g].has_value(), expected.has_value()) << g;
    if (expected) {
      EXPECT_NEAR(*without[g], *expected, kNear) << g;
    }
  }
}

TEST(SelfBleuTest, WithoutAGroupIsAsIfItWereNotThere) {
  Groups groups;
  for (const auto& [prompt, texts] : fixture_prompts()) groups.push_back(texts);
  std::vector<std::size_t> scored(fixture_texts().size());
  std::iota(scored.begin(), scored.end(), std::size_t{0});
  expect_recomputed(fixture_texts(), groups, scored);
  expect_recomputed(fixture_texts(), groups, {0, 7, 8, 9, 30, 59});
}

TEST(SelfBleuTest, WithoutAGroupHoldsForTextsOfEveryLengthAndGroupsOfEverySize) {
  std::mt19937 engine(3);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::vector<TokenId>> texts(2 + engine() % 12);
    Groups groups(2 + engine() % 4);
    std::vector<std::size_t> scored;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      for (std::size_t t = engine() % 9; t > 0; --t) {
        texts[i].push_back(static_cast<TokenId>(engine() % 3));
      }
      groups[engine() % groups.size()].push_back(i);
      if (engine() % 3 > 0) scored.push_back(i);
    }
    expect_recomputed(texts, groups, scored);
  }
}

TEST(SelfBleuTest, AGroupThatOthersQuoteCounts) {  // or else what is above could not fail
  const std::vector<std::vector<TokenId>> texts = {{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, {6, 7, 8, 9}};
  const std::vector<std::size_t> all = {0, 1, 2};
  const auto without = self_bleu_without(count_ngrams(texts), Groups{{0}, {1}, {2}}, all);
  EXPECT_EQ(without[0], 0);
  EXPECT_NEAR(without[2].value(), 1, kNear);
}

}  // namespace
}  // namespace medgen::research
