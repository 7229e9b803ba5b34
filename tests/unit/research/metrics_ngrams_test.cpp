// N-gram measures against nltk, scipy and plain Python (scripts/make_metrics_fixture.py).
#include "research/metrics_ngrams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "unit/research/metrics_fixture.h"

namespace medgen::research {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;

constexpr double kNear = 1e-9;

double share(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

TEST(NgramTest, DistinctAndOnceAreThoseOfPlainPython) {
  const NgramOrders orders = count_ngrams(fixture_texts());
  ASSERT_EQ(orders.size(), 4U);
  for (std::size_t n = 1; n <= 3; ++n) {
    const NgramTotals totals = ngram_totals(orders[n - 1]);
    const Json& expected = fixture()["expected"];
    EXPECT_NEAR(share(totals.distinct, totals.total), expected["distinct_" + std::to_string(n)],
                kNear);
    EXPECT_NEAR(share(totals.once, totals.total), expected["once_" + std::to_string(n)], kNear);
  }
}

TEST(NgramTest, LeavingTextsOutIsCountingWithoutThem) {
  const NgramOrders orders = count_ngrams(fixture_texts());
  const NgramTotals all = ngram_totals(orders[1]);
  const FrequencyTable frequencies = frequency_table(orders[0]);
  for (const auto& [prompt, texts] : fixture_prompts()) {
    const Json& expected = fixture()["without_prompt"][prompt];
    const NgramTotals rest = ngram_totals(orders[1], all, texts);
    EXPECT_NEAR(share(rest.distinct, rest.total), expected["distinct_2"], kNear) << prompt;
    EXPECT_NEAR(share(rest.once, rest.total), expected["once_2"], kNear) << prompt;
    const auto zipf = zipf_coefficient(frequency_table(orders[0], frequencies, texts));
    EXPECT_NEAR(zipf.value(), expected["zipf"], kNear) << prompt;
  }
}

TEST(NgramTest, CountsTokensOfSeveralTextsTogether) {
  const NgramOrders orders = count_ngrams(std::vector<std::vector<TokenId>>{{1, 2, 1}, {}, {1, 2}});
  EXPECT_THAT(orders[0].counts, ElementsAre(3, 2));
  EXPECT_THAT(orders[1].counts, ElementsAre(2, 1));
  EXPECT_THAT(orders[2].counts, ElementsAre(1));
  EXPECT_TRUE(orders[3].counts.empty());
}

TEST(ZipfTest, IsTheSlopeThatScipyFits) {
  const auto zipf = zipf_coefficient(frequency_table(count_ngrams(fixture_texts())[0]));
  EXPECT_NEAR(zipf.value(), fixture()["expected"]["zipf"], kNear);
}

TEST(ZipfTest, LooksAtTheFiveThousandMostFrequentAlone) {
  FrequencyTable frequencies;
  for (const Json& count : fixture()["wide"]["counts"]) ++frequencies[count.get<std::uint32_t>()];
  EXPECT_NEAR(zipf_coefficient(frequencies).value(), fixture()["wide"]["zipf"], kNear);
}

TEST(ZipfTest, NeedsTwoTokens) {
  EXPECT_FALSE(zipf_coefficient({}).has_value());
  EXPECT_FALSE(zipf_coefficient({{7, 1}}).has_value());
  EXPECT_NEAR(zipf_coefficient({{8, 1}, {4, 1}}).value(), 1, kNear);
}

TEST(RepetitionTest, BothRulesAreThoseOfPlainPython) {
  const auto texts = fixture_texts();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(repeats_at_end(texts[i]), fixture()["repeats"][i].get<bool>()) << i;
    EXPECT_EQ(repeats_at_end_in_code(texts[i]), fixture()["repeats_in_code"][i].get<bool>()) << i;
  }
}

// Where the two rules differ.
TEST(RepetitionTest, TheRulesDifferAtTheirEdges) {
  using Tokens = std::vector<TokenId>;
  EXPECT_FALSE(repeats_at_end(Tokens{}));
  EXPECT_FALSE(repeats_at_end_in_code(Tokens{}));
  const Tokens pair_thrice = {9, 1, 2, 1, 2, 1, 2};
  EXPECT_TRUE(repeats_at_end(pair_thrice));
  EXPECT_FALSE(repeats_at_end_in_code(pair_thrice));
  const Tokens three_twice = {1, 2, 3, 1, 2, 3};
  EXPECT_FALSE(repeats_at_end(three_twice));
  EXPECT_TRUE(repeats_at_end_in_code(three_twice));
  EXPECT_FALSE(repeats_at_end_in_code(Tokens(50, 4)));
  EXPECT_TRUE(repeats_at_end_in_code(Tokens(51, 4)));
  Tokens not_at_the_end(60, 4);
  not_at_the_end.push_back(5);
  EXPECT_FALSE(repeats_at_end(not_at_the_end));
  EXPECT_FALSE(repeats_at_end_in_code(not_at_the_end));
}

}  // namespace
}  // namespace medgen::research
