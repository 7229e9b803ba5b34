// The program and what it is connected to: terminals, closed pipes, full disks, Ctrl-C.
// Knows nothing of what text is made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <regex>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> command(std::vector<std::string> more) {
  std::vector<std::string> words = {"generate", "--model", tiny_model(), "--seed", "1"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Takes seconds: 4,096 continuations, a few at a time.
std::vector<std::string> long_command(std::vector<std::string> more) {
  more.insert(more.begin(), {"-n", "4096"});
  more.emplace_back("a");
  return command(more);
}

std::string without_colours(const std::string& text) {
  return std::regex_replace(text, std::regex("\x1b\\[[0-9]*m"), "");
}

TEST(TerminalCliTest, ColoursTellPromptFromContinuation) {
  const RunResult result = run(command({"I feel ill"}), {.terminal = true});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("Generated #1: \x1b[2mI feel ill\x1b[0m\x1b[1m"));
  EXPECT_THAT(without_colours(result.out), HasSubstr("\r\n\r\nGenerated #3: I feel ill"));
}

TEST(TerminalCliTest, NoColorDumbTerminalsAndOptionsTurnColoursOff) {
  const auto out = [](const std::vector<std::string>& words, const RunOptions& options) {
    return run(command(words), options).out;
  };
  EXPECT_THAT(out({"ill"}, {.environment = {{"NO_COLOR", "1"}}, .terminal = true}),
              Not(HasSubstr("\x1b")));
  EXPECT_THAT(out({"ill"}, {.environment = {{"TERM", "dumb"}}, .terminal = true}),
              Not(HasSubstr("\x1b")));
  EXPECT_THAT(out({"--no-color", "ill"}, {.terminal = true}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(out({"--color", "never", "ill"}, {.terminal = true}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(out({"--color", "always", "ill"}, {}), HasSubstr("\x1b[1m"));
  EXPECT_THAT(out({"ill"}, {.environment = {{"NO_COLOR", ""}}, .terminal = true}),
              HasSubstr("\x1b[1m"));
}

TEST(TerminalCliTest, EscapesInTheTextReachAPipeButNoTerminal) {
  const std::string prompt = "a\x1b[31mb";
  EXPECT_THAT(run(command({"-n", "1", prompt})).out, StartsWith("Generated #1: " + prompt));
  const std::string shown = run(command({"-n", "1", prompt}), {.terminal = true}).out;
  EXPECT_THAT(without_colours(shown), StartsWith("Generated #1: a^[[31mb"));
  EXPECT_THAT(shown, Not(HasSubstr("\x1b[31m")));
}

TEST(TerminalCliTest, FirstContinuationIsShownWhileOthersRun) {
  Process process(long_command({}), {.terminal = true});
  EXPECT_TRUE(process.wait_for_output("Generated #2"));
  process.signal(SIGKILL);
  EXPECT_EQ(process.wait().status, 128 + SIGKILL) << "it ended before anything was to be seen";
}

TEST(TerminalCliTest, CtrlCEndsAtOnceAndKeepsWhatWasWritten) {
  Process process(long_command({}), {.terminal = true});
  EXPECT_TRUE(process.wait_for_output("Generated #5"));
  process.type("\x03");
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 130);
  EXPECT_THAT(without_colours(result.out), HasSubstr("Generated #5: a"));
}

TEST(TerminalCliTest, InterruptedJsonIsWholeAndSaysSo) {
  Process process(long_command({"--json"}), {});
  EXPECT_TRUE(process.wait_for_error("not for emergencies"));  // generation begins
  EXPECT_TRUE(process.wait_for_work(50));                      // of the seconds that it takes
  process.signal(SIGINT);
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 130);
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.out.size();
  EXPECT_THAT(result.out, HasSubstr("\"finish_reason\":\"interrupted\""));
}

TEST(TerminalCliTest, SecondCtrlCIsNotWaitedOut) {
  Process process(long_command({}), {.terminal = true});
  EXPECT_TRUE(process.wait_for_output("Generated #1"));
  process.signal(SIGINT);
  process.signal(SIGINT);
  EXPECT_EQ(process.wait().status, 130);
}

TEST(TerminalCliTest, ClosedPipeEndsQuietly) {
  Process process(long_command({"--quiet"}), {});
  EXPECT_TRUE(process.wait_for_output("Generated #1"));
  process.close_output();
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, Not(HasSubstr("error")));
}

TEST(TerminalCliTest, FullDiskIsAnError) {
  for (const std::vector<std::string>& words : {command({"ill"}),
                                                command({"--json", "ill"}),
                                                {"inspect", tiny_model()},
                                                {"tokenize", "--tokenizer", tiny_model(), "ill"},
                                                {"--help"},
                                                {"generate", "--help"}}) {
    const RunResult result = run(words, {.output_path = "/dev/full"});
    EXPECT_EQ(result.status, 1) << ::testing::PrintToString(words);
    EXPECT_THAT(result.err, HasSubstr("No space left on device"));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
