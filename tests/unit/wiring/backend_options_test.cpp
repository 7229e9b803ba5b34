// Names and ranges of what a back end is asked for.
#include "medgen/backend_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"

namespace medgen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const BackendOptions& options) {
  try {
    validate(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(BackendOptionsTest, NamesAreReadBack) {
  for (const char* name : {"auto", "native", "torchscript"}) {
    EXPECT_EQ(to_string(parse_backend_kind(name)), name);
  }
  for (const char* name : {"auto", "fp32", "bf16", "int8"}) {
    EXPECT_EQ(to_string(parse_weight_precision(name)), name);
  }
  for (const char* name : {"cpu", "cuda"}) EXPECT_EQ(to_string(parse_device(name)), name);
}

TEST(BackendOptionsTest, AnUnknownNameIsRefusedWithThoseThatAreAllowed) {
  try {
    parse_weight_precision("fp16");
    ADD_FAILURE() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("\"fp16\""), HasSubstr("auto, fp32, bf16, int8")));
  }
}

TEST(BackendOptionsTest, WhatIsOutOfRangeIsRefusedByName) {
  EXPECT_EQ(refusal({}), "");
  BackendOptions options;
  options.threads = 100'000;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("threads is 100000"), HasSubstr("0 to 1024")));
  options = {};
  options.max_slots = 0;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("max_slots is 0"), HasSubstr("1 to 65536")));
  options = {};
  options.precision = static_cast<WeightPrecision>(9);
  EXPECT_THAT(refusal(options), HasSubstr("precision is 9"));
}

TEST(BackendOptionsTest, WhatIsOutOfRangeTellsSettingValueAndRange) {
  BackendOptions options;
  options.threads = -1;
  try {
    validate(options);
    ADD_FAILURE() << "nothing was refused";
  } catch (const SettingError& error) {
    EXPECT_EQ(error.setting(), "threads");
    EXPECT_EQ(error.value(), "-1");
    EXPECT_EQ(error.range(), "from 0 to 1024");
    EXPECT_EQ("threads" + error.problem(), error.what());
  }
}

TEST(BackendOptionsTest, NativeOnAnotherDeviceIsRefused) {
  BackendOptions options;
  options.device = Device::kCuda;
  EXPECT_EQ(refusal(options), "");
  options.backend = BackendKind::kNative;
  EXPECT_EQ(refusal(options),
            "`backend` native runs on the cpu only, but `device` is cuda: leave one of them out");
}

}  // namespace
}  // namespace medgen
