// What is measured of one document and of one canary.
#include "why/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace medgen::why {
namespace {

TEST(ExposureTest, IsTheRankAmongAllInBits) {
  const std::vector<double> others(7, -10.0);
  EXPECT_EQ(exposure_of(-5, others).rank, 1U);
  EXPECT_DOUBLE_EQ(exposure_of(-5, others).bits(), 3);
  EXPECT_DOUBLE_EQ(exposure_of(-5, others).p_value(), 1.0 / 8);
  EXPECT_EQ(exposure_of(-20, others).rank, 8U);
  EXPECT_DOUBLE_EQ(exposure_of(-20, others).bits(), 0);
  EXPECT_DOUBLE_EQ(exposure_of(-20, others).p_value(), 1);
  EXPECT_EQ(exposure_of(-10, others).rank, 8U);  // what is as probable stands before it
}

// Over all ranks that a text may have that is nothing to the model.
TEST(ExposureTest, IsLittleOnAverageForATextThatWasNeverPlanted) {
  double bits = 0, below = 0;
  for (std::uint64_t rank = 1; rank <= 1024; ++rank) {
    const Exposure exposure{rank, 1024};
    bits += exposure.bits() / 1024;
    below += exposure.p_value() <= 0.05 ? 1.0 / 1024 : 0;
  }
  EXPECT_NEAR(bits, 1.44, 0.02);
  EXPECT_LE(below, 0.05);
}

TEST(TokensInCommonTest, EndWhereOneDiffersOrEnds) {
  const std::vector<TokenId> a = {1, 2, 3}, b = {1, 2, 4, 5}, c = {1, 2, 3, 4};
  EXPECT_EQ(tokens_in_common(a, b), 2U);
  EXPECT_EQ(tokens_in_common(a, c), 3U);
  EXPECT_EQ(tokens_in_common({}, c), 0U);
}

}  // namespace
}  // namespace medgen::why
