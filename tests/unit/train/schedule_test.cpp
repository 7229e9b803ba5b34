// The learning rate over a run, by its formula.
#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace medgen::train {
namespace {

// 100 steps of 10 tokens, 20 of them warm-up; the middle of step s is at 10 s + 5.
constexpr Schedule kLinear{
    .tokens = 1000, .warmup_tokens = 200, .constant_fraction = 0.6, .tokens_per_step = 10};
constexpr Schedule kCosine{
    .cosine = true, .tokens = 1000, .warmup_tokens = 200, .tokens_per_step = 10};

TEST(ScheduleTest, RisesOverTheWarmUp) {
  for (const Schedule& schedule : {kLinear, kCosine}) {
    EXPECT_DOUBLE_EQ(schedule.factor(0), 5.0 / 200);
    EXPECT_DOUBLE_EQ(schedule.factor(10), 105.0 / 200);
    EXPECT_DOUBLE_EQ(schedule.factor(19), 195.0 / 200);
  }
}

TEST(ScheduleTest, IsConstantAndThenFallsLinearlyToZero) {
  EXPECT_DOUBLE_EQ(kLinear.factor(20), 1);
  EXPECT_DOUBLE_EQ(kLinear.factor(59), 1);
  EXPECT_DOUBLE_EQ(kLinear.factor(60), 395.0 / 400);
  EXPECT_DOUBLE_EQ(kLinear.factor(80), 195.0 / 400);
  EXPECT_DOUBLE_EQ(kLinear.factor(99), 5.0 / 400);
  EXPECT_DOUBLE_EQ(kLinear.factor(100), 0);
  EXPECT_FALSE(kLinear.falls_at(59));
  EXPECT_TRUE(kLinear.falls_at(60));
}

TEST(ScheduleTest, FollowsHalfACosineToZero) {
  for (const std::int64_t step : {20, 35, 60, 99}) {
    const double at = 10.0 * static_cast<double>(step) + 5;
    EXPECT_NEAR(kCosine.factor(step), 0.5 * (1 + std::cos(M_PI * (at - 200) / 800)), 1e-12);
  }
  EXPECT_NEAR(kCosine.factor(100), 0, 1e-12);
  EXPECT_TRUE(kCosine.falls_at(20));
}

TEST(ScheduleTest, AWarmUpLongerThanTheConstantPartDelaysTheFall) {
  const Schedule schedule{
      .tokens = 1000, .warmup_tokens = 500, .constant_fraction = 0.1, .tokens_per_step = 10};
  EXPECT_DOUBLE_EQ(schedule.factor(49), 0.99);
  EXPECT_DOUBLE_EQ(schedule.factor(50), 0.99);
  EXPECT_DOUBLE_EQ(schedule.factor(75), 245.0 / 500);
}

TEST(ScheduleTest, NeverFallsWhenAllIsConstant) {
  const Schedule schedule{.tokens = 100, .constant_fraction = 1, .tokens_per_step = 10};
  for (std::int64_t step = 0; step < 9; ++step) EXPECT_FALSE(schedule.falls_at(step)) << step;
  EXPECT_GE(schedule.factor(9), 0.5);
}

}  // namespace
}  // namespace medgen::train
