// Lines and blocks in a window: under tmux, and on a pseudo-terminal of our own. Everything is
// waited for, nothing is timed.
#include "cli/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> probe(const std::vector<std::string>& options = {}) {
  const std::filesystem::path folder = std::filesystem::path(MEDGEN_PROGRAM).parent_path();
  std::vector<std::string> command = {folder / "terminal_probe"};
  command.insert(command.end(), options.begin(), options.end());
  return command;
}

constexpr const char* kUp = "\x1b[A";
constexpr const char* kLeft = "\x1b[D";
constexpr const char* kCtrlC = "\x03";
constexpr const char* kCtrlD = "\x04";

// What holds in every terminal.
class EveryWindowTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (tmux() && !tmux_is_there()) GTEST_SKIP() << "no tmux";
  }
  static bool tmux() { return GetParam() == std::string("Tmux"); }
  static std::unique_ptr<Window> open(const WindowOptions& options = {}) {
    if (tmux()) return open_tmux_window(probe(), options);
    return open_own_window(probe(), options);
  }
};

TEST_P(EveryWindowTest, TypingIsSeenAndEdited) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->type(std::string("I have a fevr") + kLeft + "e");
  ASSERT_TRUE(window->wait_for("text> I have a fever"));
  window->type("\r");
  ASSERT_TRUE(window->wait_for("got [I have a fever]"));
  EXPECT_EQ(window->text(), "text> I have a fever\ngot [I have a fever]\ntext>");
  // Ctrl-Left by a word, Ctrl-W the word before, Ctrl-Y brings it back.
  window->type(std::string(kUp) + "\x1b[1;5D\x17old \r");
  ASSERT_TRUE(window->wait_for("got [I have old fever]"));
}

TEST_P(EveryWindowTest, APasteOfThreeLinesIsOneInput) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->paste("one\ntwo \x1b[31mred\nthree");
  ASSERT_TRUE(window->wait_for("three"));
  EXPECT_EQ(window->text(), "text> one\ntwo ^[[31mred\nthree");
  window->type("\r");
  ASSERT_TRUE(window->wait_for("got [one|two ^[[31mred|three]"));
}

TEST_P(EveryWindowTest, WideAndCombiningCharactersAreEditedAsOne) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("cafe\xCC\x81 \xE7\x99\xBC\xE7\x86\xB1");
  ASSERT_TRUE(window->wait_for("text> cafe\xCC\x81 \xE7\x99\xBC\xE7\x86\xB1"));
  window->type(std::string(kLeft) + "\x7f" + kLeft + "\x7f" + "o\r");
  ASSERT_TRUE(window->wait_for("got [cafo \xE7\x86\xB1]"));
  EXPECT_EQ(window->text(), "text> cafo \xE7\x86\xB1\ngot [cafo \xE7\x86\xB1]\ntext>");
}

TEST_P(EveryWindowTest, AltEnterAndABackslashMakeANewLine) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("one\x1b\rtwo\\\rthree\r");
  ASSERT_TRUE(window->wait_for("got [one|two|three]"));
  EXPECT_EQ(window->text(), "text> one\ntwo\nthree\ngot [one|two|three]\ntext>");
}

TEST_P(EveryWindowTest, ALineThatIsLongerThanTheWindowIsBroken) {
  const auto window = open({.columns = 20, .rows = 10});
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("abcdefghijklmnopqrstuvwxyz" + std::string("\x01") + ">");
  ASSERT_TRUE(window->wait_for("text> >abcdefghijklm"));
  EXPECT_EQ(window->text(), "text> >abcdefghijklm\nnopqrstuvwxyz");
  window->resize(30, 10);
  ASSERT_TRUE(window->wait_for("text> >abcdefghijklmnopqrstuvw"));
  EXPECT_EQ(window->text(), "text> >abcdefghijklmnopqrstuvw\nxyz");
}

TEST_P(EveryWindowTest, BlocksAreDrawnAnewWhenTheWindowChanges) {
  const auto window = open({.columns = 60, .rows = 24});
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("/blocks 2\r");
  ASSERT_TRUE(window->wait_for("machine 2/2"));
  const std::string wide =
      "text> /blocks 2\n"
      "── machine 1/2 · seed 4711 · length ──────\n"
      "│ I have a fever▸ and a sore throat. It began three days ago\n"
      "│ — café, 發熱 ^[[31mred^[[0m, and it does not stop.\n"
      "\n"
      "── machine 2/2 · seed 4711 ───────────────\n"
      "│ I have a fever▸ and a sore throat. It began three days ago\n"
      "│ — café, 發熱 ^[[31mred^[[0m, and it does not stop.";
  ASSERT_TRUE(window->wait_until([&] { return window->text() == wide; }));
  const std::string narrow =
      "── machine 1/2 · seed 4711 · length ────\n"
      "│ I have a fever▸ and a sore throat. It\n"
      "│ began three days ago — café, 發熱\n"
      "│ ^[[31mred^[[0m, and it does not stop.\n"
      "\n"
      "── machine 2/2 · seed 4711 ─────────────\n"
      "│ I have a fever▸ and a sore throat. It\n"
      "│ began three days ago — café, 發熱\n"
      "│ ^[[31mred^[[0m, and it does not stop.";
  window->resize(40, 24);
  // Where the rows are broken anew, tmux scrolls; how far is its own affair.
  const std::string above = tmux() ? "" : "text> /blocks 2\n";
  ASSERT_TRUE(window->wait_until([&] {
    const std::string text = window->text();
    return tmux() ? text.ends_with(narrow) : text == above + narrow;
  }));
  window->type("kept");  // while nothing reads
  window->type(kCtrlC);
  ASSERT_TRUE(window->wait_for("text> kept"));
  EXPECT_THAT(window->text(), EndsWith(above + narrow + "\ntext> kept"));
}

TEST_P(EveryWindowTest, BlocksStandSideBySideInAWideWindow) {
  const auto window = open({.columns = 120, .rows = 24});
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("/blocks 3\r");
  ASSERT_TRUE(window->wait_for("machine 1/3"));
  const std::string line = "│ I have a fever▸ and a sore throat.";
  ASSERT_TRUE(window->wait_for(line + "     " + line + "     " + line));
}

// What does not fit is in the scrollback, once.
TEST_P(EveryWindowTest, TextsLongerThanTheWindowEndUpWhole) {
  const auto window = open({.columns = 60, .rows = 12});
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("/long\r");
  ASSERT_TRUE(window->wait_for("machine 2/2"));
  window->type(kCtrlC);
  ASSERT_TRUE(window->wait_until([&] {
    const auto rows = window->rows();
    return std::find(rows.begin(), rows.end(), "text>") != rows.end();
  }));
  std::vector<std::string> all = window->scrollback();
  for (std::string& row : window->rows()) all.push_back(std::move(row));
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const auto& row) { return row.find("machine") < row.size(); }),
            2);
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const auto& row) { return row.find("I have a fever") < row.size(); }),
            2);
}

TEST_P(EveryWindowTest, TabCompletesAndLists) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("/b\t");
  ASSERT_TRUE(window->wait_for("/bold"));
  EXPECT_EQ(window->text(), "text> /b\n/blocks\n/bold\ntext> /b");
  window->type("o\t\r");
  ASSERT_TRUE(window->wait_for("got [/bold]"));
}

TEST_P(EveryWindowTest, CtrlCClearsTheLineAndCtrlDOnAnEmptyOneEnds) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->type(std::string("a line") + kCtrlC);
  ASSERT_TRUE(window->wait_for("interrupted"));
  window->type(std::string("ab") + kLeft + kCtrlD + "\r");
  ASSERT_TRUE(window->wait_for("got [a]"));
  window->type(kCtrlD);
  ASSERT_TRUE(window->wait_for("end"));
  EXPECT_THAT(window->text(), HasSubstr("interrupted\ntext> a\ngot [a]\ntext>\nend"));
}

TEST_P(EveryWindowTest, CtrlLClearsTheWindowAndItsScrollback) {
  const auto window = open({.columns = 40, .rows = 8});
  ASSERT_TRUE(window->wait_for("text>"));
  for (const char* line : {"1\r", "2\r", "3\r", "4\r", "5\r"}) window->type(line);
  ASSERT_TRUE(window->wait_for("got [5]"));
  EXPECT_THAT(window->scrollback(), Contains("got [1]"));
  window->type("being typed\x0c");
  ASSERT_TRUE(window->wait_until([&] { return window->text() == "text> being typed"; }));
  EXPECT_THAT(window->scrollback(), IsEmpty());
}

TEST_P(EveryWindowTest, ForgottenLinesCannotBeRecalled) {
  const auto window = open();
  ASSERT_TRUE(window->wait_for("text>"));
  window->type("first\rsecond\r");
  ASSERT_TRUE(window->wait_for("got [second]"));
  window->type(std::string(kUp) + kUp + "\x15\x19\r");  // cut and brought back
  ASSERT_TRUE(window->wait_until([&] { return window->text().ends_with("got [first]\ntext>"); }));
  window->type("/forget\r");
  window->type(std::string(kUp) + "\x19x\r");  // Ctrl-Y: what was cut is gone as well
  ASSERT_TRUE(window->wait_for("got [x]"));
}

INSTANTIATE_TEST_SUITE_P(In, EveryWindowTest, ::testing::Values("Own", "Tmux"),
                         [](const auto& kind) { return std::string(kind.param); });

class OwnWindowTest : public ::testing::Test {
 protected:
  void open(const std::vector<std::string>& options = {}, const WindowOptions& more = {}) {
    window_ = open_own_window(probe(options), more);
    ASSERT_TRUE(window_->wait_for("text>"));
  }
  std::unique_ptr<OwnWindow> window_;
};

TEST_F(OwnWindowTest, TheModesAreBackOnEveryWayOut) {
  open();
  EXPECT_FALSE(window_->modes_are_back()) << "companion: while a line is read they are others";
  window_->type("a line\r\x04");
  EXPECT_EQ(window_->wait(), 0);
  EXPECT_TRUE(window_->modes_are_back());
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT}) {
    open();
    window_->type("a line");
    ASSERT_TRUE(window_->wait_for("a line"));
    window_->signal(number);
    EXPECT_EQ(window_->wait(), 7) << number;
    EXPECT_TRUE(window_->modes_are_back());
    EXPECT_EQ(window_->text(), "") << "it clears the window";
    EXPECT_THAT(window_->unknown(), IsEmpty());
  }
}

TEST_F(OwnWindowTest, AClosedWindowEndsIt) {
  open();
  window_->type("a line");
  window_->hang_up();
  EXPECT_THAT(window_->wait(), AnyOf(7, 0)) << "the signal or the end of input, whichever is first";
}

TEST_F(OwnWindowTest, CtrlCOfABlockIsNoEnd) {
  open();
  window_->type("/blocks 1\r");
  ASSERT_TRUE(window_->wait_for("machine 1/1"));
  EXPECT_FALSE(window_->echoes());
  window_->type("\x03");
  ASSERT_TRUE(window_->wait_until([&] { return window_->text().ends_with("\ntext>"); }));
  window_->type("on\r");
  ASSERT_TRUE(window_->wait_for("got [on]"));
}

TEST_F(OwnWindowTest, TheCursorStandsWhereOneTypes) {
  open();
  window_->type(std::string("a\xE7\x99\xBC") + "e\xCC\x81" + kLeft);
  ASSERT_TRUE(window_->wait_for("e\xCC\x81"));
  ASSERT_TRUE(window_->wait_until([&] {
    window_->rows();
    return window_->cursor_column() == 9;
  }));
}

TEST_F(OwnWindowTest, InitialTextIsThereToBeEdited) {
  open();
  window_->type("/edit\r");
  ASSERT_TRUE(window_->wait_for("text> to be edited"));
  window_->type("!\r");
  ASSERT_TRUE(window_->wait_for("got [to be edited!]"));
}

// As far as the program owns it: what libedit held and what was drawn as well.
TEST_F(OwnWindowTest, WhatIsForgottenIsInNoMemory) {
  open();
  const std::string canary = "zebra-" + std::to_string(7 * 11 * 13 * 17);
  std::string wide;
  for (const char c : canary) wide += std::string(1, c) + std::string(3, '\0');
  window_->type("/blocks 1 or not, " + canary + " and more\r");
  ASSERT_TRUE(window_->wait_for("machine 1/1"));
  window_->type("\x03" + std::string("a ") + canary + "\x1b[200~pasted " + canary + "\x1b[201~");
  window_->type("\x17\x15\x19\r");
  ASSERT_TRUE(window_->wait_for("got [a"));
  EXPECT_TRUE(window_->memory_holds(canary)) << "companion: the line can be recalled";
  EXPECT_TRUE(window_->memory_holds(wide)) << "companion: libedit has it";
  window_->type("/forget\r");
  ASSERT_TRUE(window_->wait_until([&] { return window_->text().ends_with("/forget\ntext>"); }));
  EXPECT_FALSE(window_->memory_holds(canary));
  EXPECT_FALSE(window_->memory_holds(wide));
}

TEST_F(OwnWindowTest, AnIdleOneSaysSo) {
  open({"--idle=1"});
  EXPECT_EQ(window_->wait(), 8);
  EXPECT_TRUE(window_->modes_are_back());
}

// A job of a shell: stopped and taken up again, with the terminal as the shell had it in between.
TEST_F(OwnWindowTest, CtrlZGivesTheTerminalBackAndTakesItAgain) {
  const std::string script = "set -m; " + probe().front() +
                             "; stty -a | grep -q ' icanon' && echo stopped with its modes; fg; "
                             "echo over";
  window_ = open_own_window({"/bin/bash", "--norc", "-c", script});
  ASSERT_TRUE(window_->wait_for("text>"));
  window_->type("begun");
  ASSERT_TRUE(window_->wait_for("begun"));
  window_->type("\x1a");
  ASSERT_TRUE(window_->wait_for("stopped with its modes"));
  ASSERT_TRUE(window_->wait_until([&] { return window_->text().ends_with("text> begun"); }));
  window_->type(" and ended\r");
  ASSERT_TRUE(window_->wait_for("got [begun and ended]"));
  window_->type("\x04");
  ASSERT_TRUE(window_->wait_for("over"));
}

TEST_F(OwnWindowTest, PlainLinesMoveNoCursor) {
  for (const bool dumb : {false, true}) {
    WindowOptions more;
    if (dumb) more.environment["TERM"] = "dumb";
    open(dumb ? std::vector<std::string>{} : std::vector<std::string>{"--plain"}, more);
    EXPECT_TRUE(window_->modes_are_back());
    window_->type("one\\\ntwo\n");
    ASSERT_TRUE(window_->wait_for("got [one|two]"));
    window_->type("/blocks 2\n");
    ASSERT_TRUE(window_->wait_for("machine 1/2"));
    window_->type("\x03");
    ASSERT_TRUE(window_->wait_for("machine 2/2"));
    ASSERT_TRUE(window_->wait_until([&] { return window_->text().ends_with("\ntext>"); }));
    window_->type("a line\x03");
    ASSERT_TRUE(window_->wait_for("interrupted"));
    window_->type("\x04");
    EXPECT_EQ(window_->wait(), 0);
    EXPECT_THAT(window_->text(), HasSubstr("typed: I have a fever\nmachine:  and a sore throat."));
    EXPECT_THAT(window_->unknown(), IsEmpty());
  }
}

// No terminal at all: lines are read, and the end of input is an end.
TEST(NoWindowTest, LinesFromAPipeAndItsEnd) {
  RunOptions options{.input = "one\ntw\x1b[2Jo\nthree", .program = probe().front()};
  const RunResult result = run({}, options);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out,
            "text> got [one]\r\ntext> got [tw^[[2Jo]\r\ntext> got [three]\r\ntext> \nend\r\n");
}

// Companion: a window waits for what is there and gives up at what has ended.
TEST(WindowTest, ShowsWhatAProgramWrites) {
  const auto window = open_own_window({"/bin/sh", "-c", "printf 'a\\033[31mb\\033[0m'; exit 3"});
  EXPECT_EQ(window->wait(), 3);
  EXPECT_EQ(window->text(), "ab");
  EXPECT_EQ(window->unknown(), std::vector<std::string>{"\x1b[31m"});
}

}  // namespace
}  // namespace medgen::cli_tests
