// A session as its user has it: on a terminal, through pipes, and how it ends. What is drawn where
// is the terminal's room's to test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

const std::string kClear = "\x1b[H\x1b[2J\x1b[3J";

Words session(const Words& more = {}) {
  Words words = {"session", "--model", tiny_model(), "--seed", "1", "--max-new-tokens", "4"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

RunOptions on_terminal() { return {.environment = {{"TERM", "xterm"}}, .terminal = true}; }

std::size_t times(const std::string& what, const std::string& in) {
  std::size_t count = 0;
  for (std::size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) ++count;
  return count;
}

TEST(SessionCliTest, APipeIsReadLineByLineToItsEnd) {
  const RunResult result = run(session(), {.input = "I feel\n/more 2\n/nothing\n"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(times("machine 3/3", result.out), 2U) << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr("a clinician decides"), HasSubstr("no such command"),
                                Not(HasSubstr("\x1b"))));
}

TEST(SessionCliTest, WithoutATextATerminalGetsASession) {
  Process process({"--model", tiny_model(), "--seed", "1", "--max-new-tokens", "4"}, on_terminal());
  ASSERT_TRUE(process.wait_for_output("Ctrl-D ends"));
  process.type("I feel\r");
  ASSERT_TRUE(process.wait_for_output("machine 3/3"));
  process.type("\x04");
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
}

TEST(SessionCliTest, InPipesAndWithATextNothingChanges) {
  const RunResult piped = run({"--model", tiny_model(), "--seed", "1"}, {.input = "I feel"});
  EXPECT_THAT(piped.out, HasSubstr("Generated #1: I feel"));
  const RunResult given = run({"--model", tiny_model(), "--seed", "1", "I feel"}, on_terminal());
  EXPECT_THAT(given.out, HasSubstr("Generated #1: "));
  const RunResult json = run({"--model", tiny_model(), "--json"}, on_terminal());
  EXPECT_EQ(json.status, 2);
  EXPECT_THAT(json.err, HasSubstr("no text to continue"));
  EXPECT_EQ(run({"generate", "--model", tiny_model()}, on_terminal()).status, 2);
}

TEST(SessionCliTest, CtrlCStopsTheTextsAndNotTheSession) {
  Process process({"session", "--seed", "1", "--max-new-tokens", "100000", "--ignore-eos"},
                  on_terminal());
  ASSERT_TRUE(process.wait_for_output("text> "));
  process.type("I feel\r");
  ASSERT_TRUE(process.wait_for_output("machine 1/3"));
  process.type("\x03");
  process.type("/quit\r");
  EXPECT_EQ(process.wait().status, 0);
}

TEST(SessionCliTest, AHangUpClearsAndEnds) {
  for (const int signal : {SIGHUP, SIGTERM}) {
    Process process(session(), on_terminal());
    ASSERT_TRUE(process.wait_for_output("text> "));
    process.type("I feel\r");
    ASSERT_TRUE(process.wait_for_output("machine 3/3"));
    process.signal(signal);
    const RunResult result = process.wait();
    EXPECT_EQ(result.status, 130) << result.err;
    EXPECT_THAT(result.out, HasSubstr(kClear));
  }
}

TEST(SessionCliTest, AnIdleSessionForgetsAndClears) {
  Process process(session({"--clear-after", "0.003"}), on_terminal());
  ASSERT_TRUE(process.wait_for_output("text> "));
  process.type("I feel\r");
  ASSERT_TRUE(process.wait_for_output(kClear + "Nothing was typed for a while"));
  process.type("/again\r");
  ASSERT_TRUE(process.wait_for_output("there is no text yet"));
  process.type("\x04");
  EXPECT_EQ(process.wait().status, 0);
  EXPECT_EQ(run(session({"--clear-after", "-1"})).status, 2);
}

TEST(SessionCliTest, WhatIsSavedIsReproduced) {
  const fs::path folder = scratch() / "saved";
  fs::create_directory(folder);
  const RunResult result = run(session({"--save-folder", folder}),
                               {.input = "I feel\n/more 1\n/save kept.jsonl\n/save kept.jsonl\n"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("2 texts saved"), HasSubstr("already")));
  struct stat status {};
  ASSERT_EQ(::stat((folder / "kept.jsonl").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const RunResult again = run({"reproduce", "--model", tiny_model(), folder / "kept.jsonl"});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
}

TEST(SessionCliTest, OnlyAFolderOfItsOwnIsSavedTo) {
  const RunResult none = run(session(), {.input = "I feel\n/save kept.jsonl\n"});
  EXPECT_THAT(none.out, HasSubstr("cannot write"));
  const RunResult missing = run(session({"--save-folder", scratch() / "not-there"}));
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("--save-folder"));
  EXPECT_FALSE(fs::exists(scratch() / "not-there"));
  for (const fs::path& wide : {home(), home().parent_path(), fs::path("/")}) {
    const RunResult result =
        run(session({"--save-folder", wide}), {.environment = {{"HOME", home()}}});
    EXPECT_EQ(result.status, 2) << wide;
    EXPECT_THAT(result.err, HasSubstr("home folder"));
  }
}

// The sandbox takes a session's right to write unless a folder is given, and knows nothing of home.
TEST(SessionCliTest, TheSandboxHoldsAroundASession) {
  const char* sandbox = std::getenv("MEDGEN_SANDBOX");
  if (sandbox != nullptr && std::string(sandbox) == "off") GTEST_SKIP() << "the sandbox is off";
  Process process(session({"--sandbox", "on"}), on_terminal());
  ASSERT_TRUE(process.wait_for_output("text> "));
  process.type("I feel\r");
  EXPECT_TRUE(process.wait_for_output("machine 3/3")) << "it cannot edit lines there";
  process.type("\x04");
  EXPECT_EQ(process.wait().status, 0);
}

}  // namespace
}  // namespace medgen::cli_tests
