// Lines: their numbers and ends, blocks cut anywhere, limits.
#include "base/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "unit/base/blocks.h"

namespace medgen::base {
namespace {

using ::testing::HasSubstr;

std::vector<Line> lines_of(const std::string& text, std::size_t block, std::size_t max_bytes) {
  Lines lines(text_blocks(text, block), max_bytes);
  std::vector<Line> all;
  for (Line line; lines.next(line);) all.push_back(line);
  return all;
}

TEST(LinesTest, GivesLinesWithTheirNumbersHoweverTheBytesAreCut) {
  const std::string text = "one\n\nthree\r\nlast";
  const std::vector<std::string> expected = {"one", "", "three\r", "last"};
  for (const std::size_t block : {1, 2, 3, 100}) {
    const auto lines = lines_of(text, block, 100);
    ASSERT_EQ(lines.size(), expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      EXPECT_EQ(lines[i].text, expected[i]);
      EXPECT_EQ(lines[i].number, i + 1);
      EXPECT_EQ(lines[i].ended, i < 3);
      EXPECT_FALSE(lines[i].too_long);
    }
  }
  EXPECT_TRUE(lines_of("", 1, 100).empty());
  EXPECT_EQ(lines_of("a\n", 1, 100).size(), 1U);
}

TEST(LinesTest, OfALongLineTheBeginningIsHeld) {
  for (const std::size_t block : {1, 3, 100}) {
    const auto lines = lines_of("aaaa\nbbbbb\nc", block, 4);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_FALSE(lines[0].too_long);
    EXPECT_TRUE(lines[1].too_long);
    EXPECT_EQ(lines[1].text, "bbbb");
    EXPECT_EQ(lines[2].text, "c");
    EXPECT_EQ(lines[2].number, 3U);
  }
}

TEST(LinesTest, ALineWithoutEndIsRefusedWithItsNumber) {
  const std::string block(1000, 'x');
  bool first = true;
  Lines lines(
      [&]() {
        return std::exchange(first, false) ? std::string_view("a\n") : std::string_view(block);
      },
      100'000);
  Line line;
  EXPECT_TRUE(lines.next_whole(line));
  try {
    lines.next_whole(line);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRuntime);
    EXPECT_THAT(error.what(), HasSubstr("line 2 is longer than the 100000 bytes"));
  }
}

TEST(LinesTest, TheEndIsAskedForOnce) {
  int asked = 0;
  Lines lines([&]() { return asked++ == 0 ? std::string_view("a") : std::string_view(); }, 10);
  Line line;
  EXPECT_TRUE(lines.next(line));
  EXPECT_FALSE(lines.next(line));
  EXPECT_FALSE(lines.next(line));
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace medgen::base
