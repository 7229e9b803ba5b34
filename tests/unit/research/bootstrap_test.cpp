// Resampling and its corrections, against scipy, numpy and statsmodels where they have them.
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

TEST(TwoSidedPTest, CountsTheSmallerSide) {
  EXPECT_DOUBLE_EQ(two_sided_p(std::vector<double>(99, 1.0)), 2.0 / 100);
  EXPECT_DOUBLE_EQ(two_sided_p(std::vector<double>(99, -1.0)), 2.0 / 100);
  EXPECT_DOUBLE_EQ(two_sided_p(std::vector<double>(99, 0.0)), 1);
  EXPECT_DOUBLE_EQ(two_sided_p(std::vector<double>(99, NAN)), 1);
  std::vector<double> mixed(99, 1.0);
  for (std::size_t i = 0; i < 9; ++i) mixed[i] = -1;
  EXPECT_DOUBLE_EQ(two_sided_p(mixed), 0.2);
}

// If there is no difference, p below 0.05 comes about one time in twenty.
TEST(TwoSidedPTest, HoldsItsLevel) {
  std::uint64_t state = 1;
  const auto coin = [&state] {  // uniform enough, and not the generator under test
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(state >> 11U) * 0x1p-53;
  };
  int rejected = 0;
  for (int trial = 0; trial < 400; ++trial) {
    PromptSums a, b;
    for (int prompt = 0; prompt < 50; ++prompt) {
      a.top.push_back(coin());
      b.top.push_back(coin());
      a.bottom.push_back(1);
      b.bottom.push_back(1);
    }
    const auto values = bootstrap(std::vector{a, b}, 400, static_cast<std::uint64_t>(trial));
    std::vector<double> differences;
    for (std::size_t r = 0; r < 400; ++r) differences.push_back(values[0][r] - values[1][r]);
    if (two_sided_p(differences) < 0.05) ++rejected;
  }
  EXPECT_GT(rejected, 6);
  EXPECT_LT(rejected, 40);
}

}  // namespace
}  // namespace medgen::research
