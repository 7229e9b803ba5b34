// validate(): what is in range passes; what is not is refused with its name and value.
#include "medgen/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "medgen/error.h"

namespace medgen::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Params>
std::string refusal(const Params& params) {
  try {
    validate(params);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "accepted";
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(ParamsTest, DefaultsAndEdgesAreAccepted) {
  EXPECT_EQ(refusal(SamplingParams{}), "accepted");
  EXPECT_EQ(refusal(SamplingParams{.temperature = 0, .top_k = 0, .top_p = 1e-30F}), "accepted");
  EXPECT_EQ(refusal(StoppingParams{}), "accepted");
  EXPECT_EQ(refusal(StoppingParams{.max_length = 1, .max_new_tokens = 1, .stop = {"\n", "é"}}),
            "accepted");
}

TEST(ParamsTest, RefusesTemperaturesOutOfRange) {
  EXPECT_THAT(refusal(SamplingParams{.temperature = -1}),
              AllOf(HasSubstr("temperature is -1;"), HasSubstr("at least 0")));
  EXPECT_THAT(refusal(SamplingParams{.temperature = kNan}), HasSubstr("temperature is nan"));
  EXPECT_THAT(refusal(SamplingParams{.temperature = kInf}), HasSubstr("temperature is inf"));
}

TEST(ParamsTest, RefusesTopKAndTopPOutOfRange) {
  EXPECT_THAT(refusal(SamplingParams{.top_k = -1}), HasSubstr("top-k is -1;"));
  for (const float top_p : {0.0F, 1.5F, -0.5F, kNan}) {
    EXPECT_THAT(refusal(SamplingParams{.top_p = top_p}), HasSubstr("above 0 and at most 1"));
  }
}

TEST(ParamsTest, RefusesLengthsBelowOne) {
  EXPECT_THAT(refusal(StoppingParams{.max_length = 0}), HasSubstr("max-length is 0;"));
  EXPECT_THAT(refusal(StoppingParams{.max_new_tokens = 0}), HasSubstr("max-new-tokens is 0;"));
}

TEST(ParamsTest, RefusesStopStringsThatCouldNotMatch) {
  EXPECT_THAT(refusal(StoppingParams{.stop = {"a", ""}}), HasSubstr("stop string number 2"));
  EXPECT_THAT(refusal(StoppingParams{.stop = {"ab\xFF"}}),
              AllOf(HasSubstr("stop string number 1"), HasSubstr("2")));
}

}  // namespace
}  // namespace medgen::engine
