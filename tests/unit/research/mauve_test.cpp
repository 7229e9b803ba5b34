// MAUVE against mauve-text, faiss and scikit-learn (scripts/make_metrics_fixture.py), and its parts
// against what they must be.
#include "research/mauve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "places.h"
#include "research/symmetric_eigen.h"

namespace medgen::research {
namespace {

using Json = nlohmann::json;

Json fixture() {
  return Json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/mauve.json"));
}

Points points_of(const Json& test) {
  Points points;
  points.width = test["width"];
  for (const char* part : {"first", "second"}) {
    for (const Json& row : test[part]) {
      ++points.count;
      for (const Json& value : row) points.values.push_back(value);
    }
  }
  return points;
}

std::vector<double> counts_of(std::span<const std::uint32_t> of, std::size_t clusters) {
  std::vector<double> counts(clusters);
  for (const std::uint32_t cluster : of) counts[cluster] += 1;
  return counts;
}

TEST(MauveTest, FromTheSameStartItIsTheReferenceImplementations) {
  ASSERT_EQ(fixture().size(), 2U);  // more points than dimensions, and fewer
  for (const Json& test : fixture()) {
    const Points reduced = principal_components(points_of(test));
    EXPECT_EQ(reduced.width, test["components"]);
    const auto start = test["start"].get<std::vector<std::uint32_t>>();
    const Clusters clusters = k_means(reduced, start);
    EXPECT_EQ(clusters.of, test["labels"].get<std::vector<std::uint32_t>>());
    const std::size_t half = reduced.count / 2;
    const std::span<const std::uint32_t> of(clusters.of);
    const auto p = counts_of(of.first(half), start.size());
    const auto q = counts_of(of.subspan(half), start.size());
    EXPECT_NEAR(mauve_area(p, q, 0), test["mauve"], 1e-9);
    EXPECT_NEAR(mauve_area(p, q, 0.5), test["mauve_star"], 1e-9);
  }
}

TEST(MauveTest, AnotherTextInAnotherClusterShows) {
  const Json test = fixture()[0];
  auto p = test["counts"][0].get<std::vector<double>>();
  const auto q = test["counts"][1].get<std::vector<double>>();
  p[0] -= 1;
  p[1] += 1;
  EXPECT_GT(std::fabs(mauve_area(p, q, 0) - test["mauve"].get<double>()), 1e-3);
}

TEST(MauveTest, IsOneForEqualTextsAndNearNothingForStrangers) {
  const std::vector<double> some = {3, 4, 0, 5}, others = {0, 0, 9, 0};
  EXPECT_NEAR(mauve_area(some, some, 0), 1, 1e-6);
  EXPECT_LT(mauve_area(some, others, 0), 0.01);
  EXPECT_NEAR(mauve_area(some, others, 0.5), mauve_area(others, some, 0.5), 1e-12);
}

TEST(MauveTest, TakesATenthOfTheTextsAsClusters) {
  EXPECT_EQ(mauve_clusters(1000, 5000), 100U);
  EXPECT_EQ(mauve_clusters(47, 45), 4U);  // half to even, as Python rounds
  EXPECT_EQ(mauve_clusters(5, 5), 2U);
}

TEST(KMeansTest, EmptyClustersGetTheFurthestRow) {
  const Points points{5, 1, {0, 0, 0, 1, 9}};
  const std::vector<std::uint32_t> equal = {0, 1, 2};
  const Clusters clusters = k_means(points, equal);
  EXPECT_EQ(clusters.distance, 0);
  EXPECT_NE(clusters.of[3], clusters.of[4]);
  EXPECT_NE(clusters.of[0], clusters.of[3]);
}

TEST(KMeansTest, FewerDifferentRowsThanClustersIsNoTrouble) {
  const Clusters clusters = k_means(Points{4, 2, {1, 2, 1, 2, 1, 2, 1, 2}}, 3, 0);
  EXPECT_EQ(clusters.of, std::vector<std::uint32_t>(4, clusters.of[0]));
}

TEST(KMeansTest, TheBestOfSeveralStartsIsNoWorseThanOne) {
  const Points points = principal_components(points_of(fixture()[0]));
  const Clusters best = k_means(points, 12, 1);
  EXPECT_EQ(k_means(points, 12, 1).of, best.of);
  EXPECT_LE(best.distance,
            k_means(points, fixture()[0]["start"].get<std::vector<std::uint32_t>>()).distance);
}

TEST(SymmetricEigenTest, VectorsAreStretchedByTheirValues) {
  constexpr std::size_t kSize = 23;
  std::vector<double> matrix(kSize * kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    for (std::size_t j = 0; j < kSize; ++j) {
      matrix[i * kSize + j] = std::cos(static_cast<double>(i * j)) + (i == j ? 3.0 : 0);
    }
  }
  const SymmetricEigen eigen = leading_eigen(matrix, kSize, 1);
  double trace = 0, sum = 0;
  for (std::size_t i = 0; i < kSize; ++i) trace += matrix[i * kSize + i];
  for (const double value : eigen.values) sum += value;
  EXPECT_NEAR(sum, trace, 1e-10);
  ASSERT_GT(eigen.vectors.size(), 10U);
  for (std::size_t k = 0; k < eigen.vectors.size(); ++k) {
    double square = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      double image = 0;
      for (std::size_t j = 0; j < kSize; ++j) {
        image += matrix[i * kSize + j] * eigen.vectors[k][j];
      }
      EXPECT_NEAR(image, eigen.values[k] * eigen.vectors[k][i], 1e-10) << k;
      square += eigen.vectors[k][i] * eigen.vectors[k][i];
    }
    EXPECT_NEAR(square, 1, 1e-12);
    if (k > 0) {
      EXPECT_GE(eigen.values[k - 1], eigen.values[k]);
    }
  }
}

TEST(SymmetricEigenTest, MatricesWithoutRoomForSearchingAreFine) {
  EXPECT_EQ(leading_eigen({4}, 1, 1).values, std::vector<double>{4});
  EXPECT_EQ(leading_eigen({0, 0, 0, 0}, 2, 0.9).vectors.size(), 0U);
  const SymmetricEigen diagonal = leading_eigen({1, 0, 0, 0, 5, 0, 0, 0, 3}, 3, 0.8);
  EXPECT_EQ(diagonal.values, (std::vector<double>{5, 3, 1}));
  EXPECT_EQ(diagonal.vectors.size(), 2U);  // (5 + 3) of 9
}

}  // namespace
}  // namespace medgen::research
