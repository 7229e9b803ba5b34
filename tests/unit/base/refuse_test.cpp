// How a value out of range is said.
#include "base/refuse.h"

#include <gtest/gtest.h>

namespace medgen::base {
namespace {

TEST(RefuseTest, ValueOutOfRangeKeepsWhatItIsMadeOf) {
  try {
    refuse_value("max-errors", "-1", "at least 0", "leave it out");
    ADD_FAILURE() << "nothing was refused";
  } catch (const SettingError& error) {
    EXPECT_STREQ(error.what(), "max-errors is -1; it must be at least 0: leave it out");
    EXPECT_EQ(error.setting(), "max_errors");
    EXPECT_EQ(error.value(), "-1");
    EXPECT_EQ(error.range(), "at least 0");
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
  EXPECT_THROW(refuse("anything else"), Error);
}

}  // namespace
}  // namespace medgen::base
