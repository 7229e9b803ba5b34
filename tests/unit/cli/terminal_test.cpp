// What may be written to a terminal.
#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace medgen::cli {
namespace {

TEST(TerminalTest, ALineIsCutWhereTheWindowEnds) {
  EXPECT_EQ(fitted("12345", 5), "12345");
  EXPECT_EQ(fitted("123456", 5), "1234\u2026");
  EXPECT_EQ(fitted("\u00e9\u00e9\u00e9", 2), "\u00e9\u2026");
  EXPECT_EQ(fitted("\u8af8\u8af8\u8af8", 6), "\u8af8\u8af8\u8af8") << "of two columns each";
  EXPECT_EQ(fitted("\u8af8\u8af8\u8af8", 4), "\u8af8\u2026");
  EXPECT_EQ(fitted("e\u0301e\u0301", 2), "e\u0301e\u0301") << "marks take no room";
  EXPECT_EQ(fitted("", 5), "");
}

}  // namespace
}  // namespace medgen::cli
