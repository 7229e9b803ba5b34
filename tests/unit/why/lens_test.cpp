// The lens on numbers that can be worked out by hand.
#include "why/lens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "medgen/error.h"

namespace medgen::why {
namespace {

using Floats = std::vector<float>;
using ::testing::HasSubstr;

std::vector<TokenId> ids_of(const LayerReading& reading) {
  std::vector<TokenId> ids;
  for (const LikelyToken& token : reading.top) ids.push_back(token.id);
  return ids;
}

TEST(LensReaderTest, ALayerThatSaysTheSameAgrees) {
  const Floats last = {0, 2, 1, -1};
  const LensReader reader(last);
  EXPECT_EQ(reader.target(), 1);
  const LayerReading same = reader.read(last, 3);
  EXPECT_TRUE(same.agrees);
  EXPECT_EQ(same.rank, 1);
  EXPECT_NEAR(same.divergence, 0, 1e-15);
  EXPECT_EQ(ids_of(same), (std::vector<TokenId>{1, 2, 0}));
  const double total = std::exp(0) + std::exp(2) + std::exp(1) + std::exp(-1);
  EXPECT_NEAR(same.probability, std::exp(2) / total, 1e-14);
  EXPECT_NEAR(same.top[1].probability, std::exp(1) / total, 1e-14);
}

TEST(LensReaderTest, AnEvenLayerKnowsNothing) {
  const Floats last = {0, 3, 0, 0};
  const LayerReading even = LensReader(last).read(Floats{5, 5, 5, 5}, 10);
  EXPECT_NEAR(even.entropy, std::log(4), 1e-14);
  EXPECT_FALSE(even.agrees);
  EXPECT_EQ(even.rank, 2);  // of equals the lower id comes first
  EXPECT_EQ(ids_of(even), (std::vector<TokenId>{0, 1, 2, 3}));
  // KL(p || even) = ln 4 - H(p)
  const double total = 3 + std::exp(3);
  const double p = std::exp(3) / total;
  const double entropy = -p * std::log(p) - 3 / total * std::log(1 / total);
  EXPECT_NEAR(even.divergence, std::log(4) - entropy, 1e-14);
}

TEST(LensReaderTest, AGivenTargetIsFollowed) {
  const Floats last = {0, 2, 1};
  const LensReader reader(last, 0);
  EXPECT_EQ(reader.target(), 0);
  EXPECT_EQ(reader.read(last, 1).rank, 3);
  EXPECT_TRUE(reader.read(last, 1).agrees);  // with the last layer, whatever is followed
  EXPECT_EQ(reader.read(Floats{9, 2, 1}, 1).rank, 1);
}

TEST(LensReaderTest, HugeLogitsStayNumbers) {
  const Floats last = {-3e38F, 0, 3e38F};
  const LayerReading reading = LensReader(last).read(Floats{3e38F, 0, -3e38F}, 3);
  EXPECT_TRUE(std::isfinite(reading.divergence));
  EXPECT_GT(reading.divergence, 1e38);
  EXPECT_NEAR(reading.entropy, 0, 1e-300);
}

TEST(LensReaderTest, LogitsThatAreNoNumbersAreRefused) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    EXPECT_THROW(LensReader(Floats{0, bad}), Error);
    try {
      LensReader(Floats{0, 1}).read(Floats{bad, 0}, 1);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      EXPECT_THAT(error.what(), HasSubstr("fp32"));
    }
  }
}

// A stream of two blocks, three wide.
class LogitPartsTest : public ::testing::Test {
 protected:
  LogitPartsTest() {
    source_.stream = stream_;
    source_.token_embedding = token_;
    source_.norm_weight = weight_;
    source_.norm_bias = bias_;
    source_.norm_epsilon = 0.25;
    source_.head_column = column_;
    source_.logit = static_cast<float>(logit());
  }

  double logit() const {
    const std::span<const float> x = std::span(stream_).last(3);
    const double mean = static_cast<double>(x[0] + x[1] + x[2]) / 3;
    double variance = 0, sum = 0;
    for (const float v : x) variance += std::pow(static_cast<double>(v) - mean, 2) / 3;
    for (std::size_t j = 0; j < 3; ++j) {
      sum += ((static_cast<double>(x[j]) - mean) / std::sqrt(variance + 0.25) *
                  static_cast<double>(weight_[j]) +
              static_cast<double>(bias_[j])) *
             static_cast<double>(column_[j]);
    }
    return sum;
  }

  static double sum_of(const LogitParts& parts) {
    double sum = parts.token.logit + parts.position.logit + parts.bias;
    for (const Contribution& part : parts.attention) sum += part.logit;
    for (const Contribution& part : parts.mlp) sum += part.logit;
    return sum;
  }

  Floats stream_ = {1, 2, 3, 1, 2, 7, 1, 2, 7, 5, 2, 7, 5, -1, 7};
  Floats token_ = {1, 1, 1};
  Floats weight_ = {1, 0.5F, 2};
  Floats bias_ = {0.1F, 0, -0.3F};
  Floats column_ = {0.7F, -1, 0.4F};
  LogitSource source_;
};

TEST_F(LogitPartsTest, AddUpToTheLogit) {
  const LogitParts parts = logit_parts(source_);
  EXPECT_NEAR(sum_of(parts), logit(), 1e-12);
  EXPECT_NEAR(parts.rounding, 0, 1e-6);
  ASSERT_EQ(parts.attention.size(), 2U);
  ASSERT_EQ(parts.mlp.size(), 2U);
  EXPECT_NEAR(parts.bias, 0.07 - 0.12, 1e-7);
}

TEST_F(LogitPartsTest, GiveEachPartItsLengthAndWhatAddsNothingNothing) {
  const LogitParts parts = logit_parts(source_);
  EXPECT_NEAR(parts.token.norm, std::sqrt(3), 1e-12);
  EXPECT_NEAR(parts.token.logit, 0, 1e-12);  // the same everywhere, which the norm takes away
  EXPECT_EQ(parts.attention[0].norm, 4);
  EXPECT_EQ(parts.mlp[0].norm, 0);
  EXPECT_EQ(parts.mlp[0].logit, 0);
  EXPECT_EQ(parts.attention[1].norm, 4);
  EXPECT_EQ(parts.mlp[1].norm, 3);
}

TEST_F(LogitPartsTest, AnotherLogitIsSeenInTheRounding) {
  source_.logit += 1;
  EXPECT_NEAR(logit_parts(source_).rounding, 1, 1e-6);
}

}  // namespace
}  // namespace medgen::why
