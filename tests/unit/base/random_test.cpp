// Philox against the known answers of the Random123 distribution (kat_vectors), and the streams
// made of it. Knows nothing of tokens or models.
#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace medgen::base {
namespace {

using Block = std::array<std::uint32_t, 4>;

TEST(RandomTest, PhiloxGivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomTest, UniformIsTheTopOfTheBlockUnderTheDocumentedKey) {
  const RandomKey key{
      .seed = 0x299f31d0a4093822, .request = 0x0370734413198a2e, .sample = 0x85a308d3};
  const std::uint64_t bits = 0xd16cfe0994fdccebULL >> 11;
  EXPECT_EQ(uniform(key, 0x243f6a88), static_cast<double>(bits) / 9007199254740992.0);
}

TEST(RandomTest, UniformStaysInTheUnitIntervalWithMeanOneHalf) {
  double sum = 0;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const double u = uniform({.seed = 1, .request = 2, .sample = 3}, i);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.005);  // 5.5 standard errors
}

TEST(RandomTest, EveryFieldOfTheKeyChangesTheStream) {
  const RandomKey base{.seed = 7, .request = 7, .sample = 7};
  std::set<double> values = {uniform(base, 7), uniform(base, 8)};
  for (const std::uint64_t flip : {1ULL, 1ULL << 32, 1ULL << 63}) {
    RandomKey key = base;
    key.seed ^= flip;
    values.insert(uniform(key, 7));
    key = base;
    key.request ^= flip;
    values.insert(uniform(key, 7));
  }
  RandomKey key = base;
  key.sample = 8;
  values.insert(uniform(key, 7));
  EXPECT_EQ(values.size(), 9U);
}

TEST(RandomTest, PermutationHoldsEveryIndexOnceAndRepeats) {
  const RandomKey key{.seed = 5, .request = 1};
  const auto order = permutation(1000, key);
  EXPECT_EQ(order, permutation(1000, key));
  EXPECT_NE(order, permutation(1000, {.seed = 5, .request = 2}));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_NE(sorted, order);
  for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(sorted[i], i);
  EXPECT_TRUE(permutation(0, key).empty());
}

TEST(RandomTest, PermutationsOfThreeAreEquallyLikely) {
  std::array<int, 27> counts{};
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    const auto order = permutation(3, {.seed = seed});
    ++counts[order[0] * 9 + order[1] * 3 + order[2]];
  }
  int seen = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++seen;
    EXPECT_NEAR(count, 1000, 160);  // 5.5 standard deviations
  }
  EXPECT_EQ(seen, 6);
}

TEST(RandomTest, SystemSeedsDiffer) { EXPECT_NE(system_seed(), system_seed()); }

TEST(RandomTest, SystemSeedsAreExactAsDoubles) {
  for (int i = 0; i < 100; ++i) EXPECT_LT(system_seed(), std::uint64_t{1} << 53U);
}

}  // namespace
}  // namespace medgen::base
