// Intervals of shares, against scipy's and their definitions.
#include "research/shares.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "places.h"

namespace medgen::research {
namespace {

TEST(WilsonTest, IsScipys) {
  const auto json =
      nlohmann::json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/tests.json"));
  ASSERT_EQ(json["wilson"].size(), 5U);
  for (const auto& one : json["wilson"]) {
    const double n = one["n"];
    const Interval interval = wilson_interval(one["hits"].get<double>() / n, n, 0.9);
    EXPECT_NEAR(interval.low, one["low"], 1e-9);
    EXPECT_NEAR(interval.high, one["high"], 1e-9);
  }
}

TEST(ClusteredWilsonTest, IndependentTextsAreWilsons) {
  PromptSums sums;  // one text each: the variance between prompts is p (1 - p) n / (n - 1)
  for (int i = 0; i < 100; ++i) {
    sums.top.push_back(i < 30 ? 1 : 0);
    sums.bottom.push_back(1);
  }
  const Interval clustered = clustered_wilson_interval(sums, 0.95);
  const Interval plain = wilson_interval(0.3, 99, 0.95);
  EXPECT_NEAR(clustered.low, plain.low, 1e-9);
  EXPECT_NEAR(clustered.high, plain.high, 1e-9);
}

TEST(ClusteredWilsonTest, TextsOfOnePromptThatAgreeCountAsOne) {
  PromptSums sums;
  for (int i = 0; i < 100; ++i) {
    sums.top.push_back(i < 30 ? 10 : 0);
    sums.bottom.push_back(10);
  }
  const Interval clustered = clustered_wilson_interval(sums, 0.95);
  const Interval plain = wilson_interval(0.3, 99, 0.95);
  EXPECT_NEAR(clustered.low, plain.low, 1e-9);
  EXPECT_NEAR(clustered.high, plain.high, 1e-9);
}

TEST(ClusteredWilsonTest, NothingHitIsNotCertain) {
  PromptSums none{std::vector<double>(50, 0.0), std::vector<double>(50, 4.0)};
  Interval interval = clustered_wilson_interval(none, 0.95);
  EXPECT_EQ(interval.low, 0);
  EXPECT_NEAR(interval.high, wilson_interval(0, 50, 0.95).high, 1e-12);
  EXPECT_GT(interval.high, 0.05);
  none.top = none.bottom;
  interval = clustered_wilson_interval(none, 0.95);
  EXPECT_EQ(interval.high, 1);
  EXPECT_LT(interval.low, 0.95);
}

TEST(DifferenceIntervalTest, IsNewcombes) {
  // Newcombe 1998, table II: 56/70 against 48/80, method 10.
  const Interval a = wilson_interval(56.0 / 70, 70, 0.95), b = wilson_interval(0.6, 80, 0.95);
  const Interval difference = difference_interval(56.0 / 70, a, 0.6, b);
  EXPECT_NEAR(difference.low, 0.0524, 5e-5);
  EXPECT_NEAR(difference.high, 0.3339, 5e-5);
}

TEST(DifferenceIntervalTest, PairsThatGoTogetherSayMore) {
  const Interval a = wilson_interval(0.3, 50, 0.95), b = wilson_interval(0.2, 50, 0.95);
  const Interval apart = difference_interval(0.3, a, 0.2, b);
  const Interval together = difference_interval(0.3, a, 0.2, b, 0.8);
  EXPECT_GT(together.low, apart.low);
  EXPECT_LT(together.high, apart.high);
  const PromptSums one{{0, 1, 0, 1}, {1, 1, 1, 1}}, opposite{{1, 0, 1, 0}, {1, 1, 1, 1}};
  EXPECT_NEAR(correlation(one, one), 1, 1e-12);
  EXPECT_NEAR(correlation(one, opposite), -1, 1e-12);
  EXPECT_EQ(correlation(one, {{0, 0, 0, 0}, {1, 1, 1, 1}}), 0);
}

}  // namespace
}  // namespace medgen::research
