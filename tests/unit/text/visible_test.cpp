// What may reach a terminal.
#include "text/visible.h"

#include <gtest/gtest.h>

namespace medgen::text {
namespace {

TEST(VisibleTest, ControlCharactersAreSpelledOut) {
  EXPECT_EQ(visible("\x1b[31mred"), "^[[31mred");
  EXPECT_EQ(visible("a\rb\x7f"), "a^Mb^?");
  EXPECT_EQ(visible(std::string_view("\0", 1)), "^@");
  EXPECT_EQ(visible("\xC2\x9B"
                    "31m"),
            "<U+009B>31m");
  // NOLINTNEXTLINE(misc-misleading-bidirectional): what is shown
  EXPECT_EQ(visible("\xE2\x80\xAEtxt"), "<U+202E>txt");
}

// A byte that announces more of them would hide what follows.
TEST(VisibleTest, BrokenTextHidesNoControlCharacter) {
  EXPECT_EQ(visible("\xF0\x1b[2J"), "\xEF\xBF\xBD^[[2J");
  EXPECT_EQ(visible("\xC3"), "\xEF\xBF\xBD");
}

TEST(VisibleTest, OrdinaryTextPassesAsItIs) {
  const std::string text =
      "Fever\tand\ncough, 38 \xC2\xB0"
      "C \xE2\x80\x94 caf\xC3\xA9 \xF0\x9F\x98\x80";
  EXPECT_EQ(visible(text), text);
}

}  // namespace
}  // namespace medgen::text
