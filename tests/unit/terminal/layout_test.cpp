// Screens as text: the line that is edited and the blocks, from what they show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "terminal/block_layout.h"
#include "terminal/edit_layout.h"
#include "terminal/wrap.h"

namespace medgen::terminal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> texts(const std::vector<Row>& rows) {
  std::vector<std::string> all;
  for (const Row& row : rows) all.push_back(row.text);
  return all;
}

std::string cursor(const EditLayout& layout) {
  return std::to_string(layout.cursor_row) + "," + std::to_string(layout.cursor_column);
}

TEST(EditLayoutTest, RowsAreFullAndTheCursorStandsWhereTheNextCharacterGoes) {
  const EditLayout end = edit_layout("> ", "abcdef", 6, 4, 24);
  EXPECT_THAT(texts(end.rows), ElementsAre("> ab", "cdef", ""));
  EXPECT_EQ(cursor(end), "2,0");
  const EditLayout middle = edit_layout("> ", "abcdef", 2, 4, 24);
  EXPECT_THAT(texts(middle.rows), ElementsAre("> ab", "cdef"));
  EXPECT_EQ(cursor(middle), "1,0");
}

TEST(EditLayoutTest, WideAndCombiningCharactersAndNewlines) {
  const EditLayout wide = edit_layout("> ", "a\xE7\x99\xBC\xE7\x86\xB1", 1, 4, 24);
  EXPECT_THAT(texts(wide.rows), ElementsAre("> a", "\xE7\x99\xBC\xE7\x86\xB1"));
  EXPECT_EQ(cursor(wide), "1,0") << "before a character that is on the next row";
  const EditLayout combined = edit_layout("> ", "e\xCC\x81x", 3, 80, 24);
  EXPECT_EQ(cursor(combined), "0,3");
  const EditLayout lines = edit_layout("> ", "a\n\nb", 3, 80, 24);
  EXPECT_THAT(texts(lines.rows), ElementsAre("> a", "", "b"));
  EXPECT_EQ(cursor(lines), "2,0");
}

TEST(EditLayoutTest, WhatReordersTextIsSpelledOut) {
  const EditLayout layout = edit_layout("", "a\xE2\x80\xAE\tb", 4, 80, 24);
  EXPECT_THAT(texts(layout.rows), ElementsAre("a<U+202E>    b"));
  EXPECT_EQ(cursor(layout), "0,9");
}

TEST(EditLayoutTest, OfALongTextTheRowsAroundTheCursor) {
  const std::string text = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9";
  const EditLayout middle = edit_layout("", text, 10, 80, 4);
  EXPECT_THAT(texts(middle.rows), ElementsAre("3", "4", "5", "6"));
  EXPECT_EQ(cursor(middle), "2,0");
  EXPECT_EQ(cursor(edit_layout("", text, 0, 80, 4)), "0,0");
  EXPECT_EQ(cursor(edit_layout("", text, text.size(), 80, 4)), "3,1");
}

// The rows of `count` blocks of the same text.
std::vector<Row> block_rows_of(int count, std::string_view generated, int columns, int limit,
                               bool color = false) {
  const std::string text = "I have a fever" + std::string(kSeam) + std::string(generated);
  const std::vector<Range> rows = wrap(text, text_columns(count, columns));
  std::vector<BlockText> all;
  for (int i = 1; i <= count; ++i)
    all.push_back({i, count, 4711, text, std::string_view("I have a fever").size(), "", rows});
  return block_rows(all, columns, limit, color);
}

TEST(BlockLayoutTest, BelowOneAnotherInANarrowWindow) {
  EXPECT_THAT(texts(block_rows_of(2, " and a cough that stays.", 30, 0)),
              ElementsAre("── machine 1/2 · seed 4711 ───",  //
                          "│ I have a fever▸ and a cough",   //
                          "│ that stays.",                   //
                          "",                                //
                          "── machine 2/2 · seed 4711 ───",  //
                          "│ I have a fever▸ and a cough",   //
                          "│ that stays."));
}

TEST(BlockLayoutTest, SideBySideFrom120ColumnsOn) {
  const auto side = texts(block_rows_of(3, " and a cough that stays.", 120, 0));
  ASSERT_EQ(side.size(), 3U);
  EXPECT_THAT(side[0], StartsWith("── machine 1/3 · seed 4711 ───────────"));
  EXPECT_THAT(side[0], HasSubstr("   ── machine 2/3 · seed 4711 ──"));
  EXPECT_EQ(side[1],
            "│ I have a fever▸ and a cough that       │ I have a fever▸ and a cough that       "
            "│ I have a fever▸ and a cough that");
  EXPECT_EQ(block_rows_of(3, " and a cough that stays.", 119, 0).size(), 8U);
}

// More of them than fit beside one another go on below, and no row is wider than the window.
TEST(BlockLayoutTest, NoRowIsWiderThanTheWindow) {
  const std::string words =
      " and \xE7\x99\xBC\xE7\x86\xB1 e\xCC\x81 a-word-that-is-longer-than-any-row";
  for (const int count : {1, 2, 3, 7}) {
    for (const int columns : {2, 3, 10, 41, 79, 119, 120, 121, 157, 158, 300}) {
      for (const Row& row : block_rows_of(count, words, columns, 0)) {
        EXPECT_EQ(row.width, width_of(row.text)) << columns;
        EXPECT_LE(row.width, std::max(columns, 4)) << columns << " " << row.text;
      }
    }
  }
}

TEST(BlockLayoutTest, OfLongTextsTheMarksAndTheEnds) {
  std::string words;
  for (int i = 0; i < 200; ++i) words += " word" + std::to_string(i);
  const auto rows = texts(block_rows_of(2, words, 40, 9));
  ASSERT_EQ(rows.size(), 9U);
  EXPECT_THAT(rows[0], StartsWith("── machine 1/2"));
  EXPECT_THAT(rows[3], HasSubstr("word199"));
  EXPECT_EQ(rows[4], "");
  EXPECT_THAT(rows[5], StartsWith("── machine 2/2"));
  EXPECT_THAT(rows[8], HasSubstr("word199"));
  EXPECT_EQ(block_rows_of(7, words, 40, 5).size(), 5U) << "more blocks than rows";
}

TEST(BlockLayoutTest, TypedAndGeneratedTextDifferWithColourAndWithout) {
  const auto colored = texts(block_rows_of(1, " and", 80, 0, true));
  EXPECT_EQ(colored[1], "│ \x1b[2mI have a fever\x1b[0m\x1b[1m▸ and\x1b[0m");
  const auto narrow = texts(block_rows_of(1, " and a cough", 10, 0));
  EXPECT_THAT(narrow, ElementsAre("── machine", "  I have a", "│ fever▸", "│ and a", "│ cough"))
      << "a row of typed text alone has no bar";
}

TEST(BlockLayoutTest, TheNoteIsOnTheMark) {
  EXPECT_EQ(mark_of({.number = 1, .count = 2, .seed = 4711, .note = "stopped"}),
            "machine 1/2 · seed 4711 · stopped");
  EXPECT_EQ(mark_of({.number = 1, .count = 2, .seed = 4711}), "machine 1/2 · seed 4711");
}

TEST(BlockLayoutTest, PlainLinesSayWhoWroteThem) {
  const std::string text = "a\nb" + std::string(kSeam) + " and\nc";
  EXPECT_EQ(plain_block({1, 3, 5, text, 3}),
            "machine 1/3 · seed 5\ntyped: a\ntyped: b\nmachine:  and\nmachine: c\n\n");
}

}  // namespace
}  // namespace medgen::terminal
