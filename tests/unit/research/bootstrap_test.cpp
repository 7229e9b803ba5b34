// Resampling, permutations and corrections, against scipy, numpy and statsmodels where they have
// them.
#include "research/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "places.h"

namespace medgen::research {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;

const Json& fixture() {
  static const Json json =
      Json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/metrics.json"));
  return json;
}

TEST(HolmTest, CorrectsAsStatsmodelsDoes) {
  const auto p = fixture()["holm"]["p"].get<std::vector<double>>();
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < p.size(); ++i) {
    EXPECT_NEAR(corrected[i], fixture()["holm"]["corrected"][i], 1e-12) << i;
  }
  EXPECT_TRUE(holm({}).empty());
  EXPECT_THAT(holm(std::vector{0.6, 0.6}), ElementsAre(1.0, 1.0));
}

TEST(PercentileTest, IsNumpysDefault) {
  const Json& expected = fixture()["percentile"];
  const auto interval = percentile_interval(expected["values"].get<std::vector<double>>(), 0.9);
  ASSERT_TRUE(interval.has_value());
  EXPECT_NEAR(interval->low, expected["low"], 1e-12);
  EXPECT_NEAR(interval->high, expected["high"], 1e-12);
}

TEST(PercentileTest, LeavesOutWhatIsNoNumber) {
  const auto interval = percentile_interval({1, NAN, 1, INFINITY}, 0.95);
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->low, 1);
  EXPECT_EQ(interval->high, 1);
  EXPECT_FALSE(percentile_interval({1, NAN}, 0.95).has_value());
}

// Different draws, so only as near as 20,000 of them come: a twentieth of the width.
TEST(BootstrapTest, IntervalOfARatioIsScipys) {
  const Json& expected = fixture()["bootstrap"];
  const PromptSums sums{expected["top"], expected["bottom"]};
  const auto values = bootstrap(std::vector{sums}, 20000, 5);
  const auto interval = percentile_interval(values[0], 0.95);
  ASSERT_TRUE(interval.has_value());
  const double low = expected["low"], high = expected["high"];
  EXPECT_NEAR(interval->low, low, (high - low) / 20);
  EXPECT_NEAR(interval->high, high, (high - low) / 20);
  EXPECT_LT(interval->low, sums.value());
  EXPECT_GT(interval->high, sums.value());
}

TEST(BootstrapTest, DependsOnTheSeedAlone) {
  const PromptSums sums{{1, 2, 3, 4}, {1, 1, 1, 1}};
  const std::vector<PromptSums> one = {sums}, two = {sums, sums};
  EXPECT_EQ(bootstrap(one, 50, 7), bootstrap(one, 50, 7));
  EXPECT_NE(bootstrap(one, 50, 7), bootstrap(one, 50, 8));
  EXPECT_EQ(bootstrap(two, 50, 7)[1], bootstrap(one, 50, 7)[0]);  // the same draws for every series
  const auto longer = bootstrap(one, 60, 7)[0];
  EXPECT_EQ(std::vector(longer.begin(), longer.begin() + 50), bootstrap(one, 50, 7)[0]);
}

TEST(BootstrapTest, EveryPromptIsDrawnOnceOnAverage) {
  PromptSums sums{{0, 0, 0, 1}, {1, 1, 1, 1}};
  double mean = 0;
  const auto values = bootstrap(std::vector{sums}, 4000, 1);
  for (const double value : values[0]) mean += value / 4000;
  EXPECT_NEAR(mean, 0.25, 0.02);
  sums.exponential = true;
  EXPECT_DOUBLE_EQ(sums.value(), std::exp(0.25));
}

const Json& tests() {
  static const Json json =
      Json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/tests.json"));
  return json;
}

double p_of(const PromptSums& a, const PromptSums& b, int resamples = 10000,
            std::uint64_t seed = 1) {
  return permutation_p_values(std::vector{PairedSums{&a, &b}}, resamples, seed)[0];
}

TEST(PermutationTest, GivesScipysP) {
  ASSERT_EQ(tests()["permutation"].size(), 4U);
  for (const Json& one : tests()["permutation"]) {
    const PromptSums a{one["top"][0], one["bottom"][0]}, b{one["top"][1], one["bottom"][1]};
    const double p = one["p"];
    if (one["exact"]) {
      EXPECT_NEAR(p_of(a, b), p, 1e-12);
      EXPECT_NEAR(p_of(b, a), p, 1e-12);
    } else {
      EXPECT_NEAR(p_of(a, b, 100000), p, 4 * std::sqrt(p * (1 - p) / 50000));
    }
  }
}

TEST(PermutationTest, PromptsThatDoNotDifferSayNothing) {
  PromptSums a{std::vector<double>(100, 0.0), std::vector<double>(100, 1.0)}, b = a;
  EXPECT_EQ(p_of(a, b), 1);
  for (std::size_t i = 0; i < 5; ++i) b.top[i] = 1;
  EXPECT_EQ(p_of(a, b), 2.0 / 32) << "the sign test of five prompts";
  EXPECT_EQ(p_of(a, b, 31), p_of(a, b, 31)) << "too few resamples for all, still repeatable";
  EXPECT_NE(p_of(a, b, 31), 2.0 / 32);
  b.top[5] = 1;
  EXPECT_EQ(p_of(a, b), 2.0 / 64);
}

TEST(PermutationTest, WhatIsNoNumberIsNoEvidence) {
  const PromptSums a{{1, 0}, {1, 0}}, b{{0, 2}, {0, 1}};  // exchanging one leaves 0 / 0
  EXPECT_EQ(p_of(a, b), 1);
}

TEST(PermutationTest, PairsShareTheirExchangesAndTheLeastPIsKnown) {
  PromptSums a{{}, std::vector<double>(40, 1.0)}, b = a;
  for (int i = 0; i < 40; ++i) {
    a.top.push_back(i);
    b.top.push_back(i + 5 + i % 3);
  }
  const PairedSums pair{&a, &b};
  const auto both = permutation_p_values(std::vector{pair, pair}, 999, 3);
  EXPECT_EQ(both[0], both[1]);
  EXPECT_EQ(both[0], least_p_value(40, 999));
  EXPECT_DOUBLE_EQ(least_p_value(40, 999), 1.0 / 1000);
  EXPECT_DOUBLE_EQ(least_p_value(5, 999), 1.0 / 16);
}

// If there is no difference, p below 0.05 comes about one time in twenty, for rare events less
// often.
TEST(PermutationTest, HoldsItsLevel) {
  std::uint64_t state = 1;
  const auto coin = [&state] {  // uniform enough, and not the generator under test
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(state >> 11U) * 0x1p-53;
  };
  for (const bool rare : {false, true}) {
    int rejected = 0;
    for (int trial = 0; trial < 400; ++trial) {
      PromptSums a, b;
      for (int prompt = 0; prompt < 50; ++prompt) {
        for (PromptSums* sums : {&a, &b}) {
          const double value = coin();
          sums->top.push_back(rare ? (value < 0.1 ? 1 : 0) : value * value);
          sums->bottom.push_back(1);
        }
      }
      if (p_of(a, b, 400, static_cast<std::uint64_t>(trial)) < 0.05) ++rejected;
    }
    EXPECT_LT(rejected, 36) << rare;
    EXPECT_GT(rejected, rare ? 0 : 8);
  }
}

}  // namespace
}  // namespace medgen::research
