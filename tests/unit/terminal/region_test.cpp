// What is drawn piece by piece, as a window shows it (tests/cli/emulator.h).
#include "terminal/region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "cli/emulator.h"
#include "terminal/block_layout.h"
#include "terminal/blocks.h"
#include "terminal/edit_layout.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Shown : public Output {
 public:
  Shown(int columns, int rows) : window(columns, rows) {}
  void write(std::string_view bytes) override {
    window.write(bytes);
    written += bytes;
  }
  // All rows that were ever shown, down to the last that is not empty.
  std::vector<std::string> all() const {
    std::vector<std::string> rows = window.scrollback();
    for (std::string& row : window.rows()) rows.push_back(std::move(row));
    while (!rows.empty() && rows.back().empty()) rows.pop_back();
    return rows;
  }

  cli_tests::Emulator window;
  std::string written;
};

// Typing anywhere, with the window's size changing: at every moment it shows the layout.
TEST(RegionTest, ALineThatIsEditedIsAlwaysShownAsItIs) {
  std::mt19937 random(1);
  const std::vector<std::string> characters = {"a",         "b ", "\xE7\x99\xBC",
                                               "e\xCC\x81", "\n", "word "};
  int columns = 20;
  int height = 12;
  Shown shown(columns, height);
  Region region(shown);
  std::vector<std::string> text;
  std::size_t at = 0;
  for (int step = 0; step < 3000; ++step) {
    const auto choice = random() % 20;
    if (choice < 9) {
      text.insert(text.begin() + static_cast<std::ptrdiff_t>(at++),
                  characters[random() % characters.size()]);
    } else if (choice < 15 && at > 0) {
      text.erase(text.begin() + static_cast<std::ptrdiff_t>(--at));
    } else if (choice < 18) {
      at = random() % (text.size() + 1);
    } else if (choice == 18) {
      columns = static_cast<int>(10 + random() % 20);
      height = static_cast<int>(6 + random() % 8);
      shown.window.resize(columns, height);
      region.rewrapped(columns);
    } else {
      continue;
    }
    std::string joined;
    std::size_t cursor = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i == at) cursor = joined.size();
      joined += text[i];
    }
    if (at == text.size()) cursor = joined.size();
    const EditLayout layout = edit_layout("> ", joined, cursor, columns, height);
    region.draw(layout.rows, layout.cursor_row, layout.cursor_column);
    const std::vector<std::string> rows = shown.window.rows();
    ASSERT_EQ(shown.window.cursor_column(), layout.cursor_column) << step;
    for (std::size_t i = 0; i < layout.rows.size(); ++i) {
      const std::size_t row = i + static_cast<std::size_t>(shown.window.cursor_row()) -
                              static_cast<std::size_t>(layout.cursor_row);
      ASSERT_LT(row, rows.size()) << step;
      std::string wanted = layout.rows[i].text;
      wanted.resize(wanted.find_last_not_of(' ') + 1);
      ASSERT_EQ(rows[row], wanted) << step;
    }
    if (layout.rows.size() < rows.size()) {
      const std::size_t below = layout.rows.size() +
                                static_cast<std::size_t>(shown.window.cursor_row()) -
                                static_cast<std::size_t>(layout.cursor_row);
      for (std::size_t i = below; i < rows.size(); ++i) ASSERT_EQ(rows[i], "") << step;
    }
  }
  EXPECT_THAT(shown.window.unknown(), IsEmpty());
}

TEST(RegionTest, OnlyWhatChangedIsWritten) {
  Shown shown(80, 24);
  Region region(shown);
  region.draw({{"first", 5}, {"second", 6}}, 1, 6);
  shown.written.clear();
  region.draw({{"first", 5}, {"seconds", 7}}, 1, 7);
  EXPECT_EQ(shown.written.find("first"), std::string::npos);
  EXPECT_NE(shown.written.find("seconds"), std::string::npos);
  shown.written.clear();
  region.draw({{"first", 5}, {"seconds", 7}}, 1, 7);
  EXPECT_EQ(shown.written, "");
}

constexpr std::string_view kWords = " and a cough \xE7\x99\xBC\xE7\x86\xB1 that \x1b[2J stays,";

// Pieces of a few bytes, cut anywhere, with the window changing: in the end everything is there
// once.
TEST(BlocksTest, InTheEndAllOfItIsThereOnce) {
  for (const int repeats : {1, 30}) {  // fits, and is longer than the window
    for (const int first_columns : {50, 130}) {
      std::mt19937 random(7);
      Shown shown(first_columns, 16);
      shown.write("before\r\n");
      Blocks blocks(shown, "I have a fever", 3, 4711, {first_columns, 16, false, false});
      std::string words;
      for (int i = 0; i < repeats; ++i) words += kWords;
      std::vector<std::size_t> at(3, 0);
      while (at != std::vector<std::size_t>(3, words.size())) {
        const auto i = static_cast<std::size_t>(random() % 3);
        const std::string piece = words.substr(at[i], 1 + random() % 9);
        at[i] += piece.size();
        blocks.on_text(static_cast<int>(i), piece);
      }
      blocks.finish(1, "length");
      blocks.end();
      shown.write("after");

      const std::string typed = "I have a fever";
      const std::string seen = typed + std::string(kSeam) + text::visible(words);
      const std::vector<Range> rows = wrap(seen, text_columns(3, first_columns));
      std::vector<BlockText> texts;
      for (int i = 1; i <= 3; ++i)
        texts.push_back({i, 3, 4711, seen, typed.size(), i == 2 ? "length" : "", rows});
      std::vector<std::string> wanted = {"before"};
      for (const Row& row : block_rows(texts, first_columns, 0, false)) wanted.push_back(row.text);
      wanted.emplace_back("after");
      EXPECT_EQ(shown.all(), wanted);
      EXPECT_THAT(shown.window.unknown(), IsEmpty());
    }
  }
}

TEST(BlocksTest, ANarrowerWindowIsDrawnAnew) {
  Shown shown(60, 24);
  Blocks blocks(shown, "I have a fever", 2, 4711, {60, 24, false, false});
  blocks.on_text(0, " and a cough that stays and a sore throat");
  blocks.on_text(1, " too");
  shown.window.resize(30, 24);
  blocks.resize(30, 24);
  const std::vector<std::string> narrow = {
      "── machine 1/2 · seed 4711 ───", "│ I have a fever▸ and a cough",
      "│ that stays and a sore throat", "",
      "── machine 2/2 · seed 4711 ───", "│ I have a fever▸ too"};
  EXPECT_EQ(shown.all(), narrow);
  shown.window.resize(60, 24);
  blocks.resize(60, 24);
  ASSERT_THAT(shown.all(), SizeIs(5));
  EXPECT_EQ(shown.all()[1], "│ I have a fever▸ and a cough that stays and a sore throat");
}

TEST(BlocksTest, PlainBlocksNeverMoveTheCursor) {
  Shown shown(80, 24);
  Blocks blocks(shown, "a", 2, 5, {80, 24, true, true});
  blocks.on_text(1, " second");
  blocks.finish(1);
  EXPECT_EQ(shown.written, "") << "the first has its turn";
  blocks.on_text(0, " first\r\x1b[2J");
  blocks.finish(0, "stop");
  blocks.end();
  EXPECT_EQ(shown.written,
            "machine 1/2 · seed 5 · stop\ntyped: a\nmachine:  first^M^[[2J\n\n"
            "machine 2/2 · seed 5\ntyped: a\nmachine:  second\n\n");
}

// Companion: the emulator tells what medgen must not write.
TEST(EmulatorTest, NoticesSequencesThatAreNotOurs) {
  cli_tests::Emulator window(10, 3);
  window.write("a\x1b[31mb\x1b]0;title\x07");
  EXPECT_THAT(window.unknown(), ElementsAre("\x1b[31m", "\x1b]", "\x07"));
}

TEST(EmulatorTest, IsATerminal) {
  cli_tests::Emulator window(6, 3);
  window.write("abcdefgh\r\nx\x1b[Ay\x1b[2CZ");
  EXPECT_THAT(window.rows(), ElementsAre("abcdef", "gy  Z", "x"));
  window.write("\r\n\r\nnew");
  EXPECT_THAT(window.scrollback(), ElementsAre("abcdef"));
  window.resize(12, 3);
  EXPECT_THAT(window.scrollback(), IsEmpty());
  EXPECT_THAT(window.rows(), ElementsAre("abcdefgy  Z", "x", "new"));
  window.resize(2, 3);
  EXPECT_THAT(window.rows(), ElementsAre("x", "ne", "w"));
  EXPECT_EQ(window.cursor_column(), 1);
  window.write("\x1b[H\x1b[2J\x1b[3J");
  EXPECT_THAT(window.rows(), ElementsAre("", "", ""));
  EXPECT_THAT(window.scrollback(), IsEmpty());
}

}  // namespace
}  // namespace medgen::terminal
