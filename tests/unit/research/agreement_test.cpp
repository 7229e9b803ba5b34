// Agreement between raters, against the krippendorff package (scripts/make_metrics_fixture.py).
#include "research/agreement.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "places.h"

namespace medgen::research {
namespace {

// Krippendorff's own example: four raters, twelve items, five categories.
std::vector<RatedItem> example() {
  return {{0, 0, 0},    {1, 1, 2, 1}, {2, 2, 2, 2}, {2, 2, 2, 2}, {1, 1, 1, 1}, {0, 1, 2, 3},
          {3, 3, 3, 3}, {0, 0, 1, 0}, {1, 1, 1, 1}, {4, 4, 4},    {0, 0},       {2}};
}

TEST(KrippendorffTest, IsThatOfTheKrippendorffPackage) {
  EXPECT_NEAR(krippendorff_alpha(example(), 5, Scale::kNominal).value(), 0.743421052631579, 1e-12);
  EXPECT_NEAR(krippendorff_alpha(example(), 5, Scale::kOrdinal).value(), 0.8153875037548814, 1e-12);
  const auto cases =
      nlohmann::json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/alpha.json"));
  ASSERT_EQ(cases.size(), 3U);
  for (const auto& test : cases) {
    const Scale scale = test["scale"] == "ordinal" ? Scale::kOrdinal : Scale::kNominal;
    EXPECT_NEAR(
        krippendorff_alpha(test["items"].get<std::vector<RatedItem>>(), test["categories"], scale)
            .value(),
        test["alpha"], 1e-12);
  }
}

TEST(KrippendorffTest, PerfectAgreementIsOneAndChanceIsNothing) {
  EXPECT_DOUBLE_EQ(krippendorff_alpha({{0, 0}, {1, 1}, {2, 2}}, 3, Scale::kNominal).value(), 1);
  EXPECT_LT(krippendorff_alpha({{0, 1}, {1, 0}}, 2, Scale::kNominal).value(), 0);
}

TEST(KrippendorffTest, IsUnknownWhereNothingCanBeCompared) {
  EXPECT_FALSE(krippendorff_alpha({{0}, {1}}, 2, Scale::kNominal).has_value());
  EXPECT_FALSE(krippendorff_alpha({{0, 0}, {0, 0}}, 2, Scale::kNominal).has_value());
  EXPECT_FALSE(krippendorff_alpha({}, 2, Scale::kOrdinal).has_value());
}

TEST(KrippendorffTest, TheIntervalHoldsTheValueAndRepeats) {
  const auto interval = krippendorff_interval(example(), 5, Scale::kNominal, 0.95, 1000, 1).value();
  EXPECT_LT(interval.low, 0.7434);
  EXPECT_GT(interval.high, 0.7434);
  EXPECT_LE(interval.high, 1);
  EXPECT_EQ(krippendorff_interval(example(), 5, Scale::kNominal, 0.95, 1000, 1)->low, interval.low);
}

}  // namespace
}  // namespace medgen::research
