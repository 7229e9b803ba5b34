// A session leaves nothing behind: words that are typed in it are in no file, in no list of
// processes, on standard error and in no core.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "attacks/canary.h"
#include "cli/models.h"
#include "cli/process.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::Process;
using cli_tests::read;
using cli_tests::RunOptions;
using cli_tests::RunResult;
using ::testing::IsEmpty;
using ::testing::Not;
using Words = std::vector<std::string>;

// Every folder that a program may write to by habit is in a tree of the test's own. Programs may
// leave a core of any size.
class SessionCanaryTest : public ::testing::Test {
 protected:
  SessionCanaryTest() {
    for (const char* name : {"home", "temporary", "work", "saved"})
      fs::create_directory(tree_ / name);
    fs::create_directory(tree_ / "model");  // without packed weights, whose key is another's
    for (const auto& entry : fs::directory_iterator(MEDGEN_DEFAULT_MODEL)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("packed-") && !name.starts_with("."))
        fs::copy(entry.path(), tree_ / "model" / name);
    }
    before_ = files_below(tree_.path());
  }

  Words command(const Words& more) const {
    Words words = {"-c",           "cd \"$1\" && ulimit -Sc hard && shift && exec \"$@\"",
                   "shell",        tree_ / "work",
                   MEDGEN_PROGRAM, "session",
                   "--model",      tree_ / "model"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  RunOptions on_terminal() const {
    RunOptions made;
    made.program = "/bin/bash";
    made.terminal = true;
    made.environment = {{"HOME", tree_ / "home"},
                        {"TERM", "xterm"},
                        {"TMPDIR", tree_ / "temporary"},
                        {"XDG_CONFIG_HOME", tree_ / "home/config"},
                        {"XDG_CACHE_HOME", tree_ / "home/cache"},
                        {"XDG_DATA_HOME", tree_ / "home/data"},
                        {"XDG_STATE_HOME", tree_ / "home/state"}};
    return made;
  }

  TemporaryFolder tree_;
  FilesBelow before_;
  CanarySearch search_{*load_tokenizer(MEDGEN_DEFAULT_MODEL)};
};

TEST_F(SessionCanaryTest, WhatIsTypedIsInNoFileAndInNoMessage) {
  Process process(
      command({"--seed", "1", "--max-new-tokens", "8", "--verbose", "--log-file", "log"}),
      on_terminal());
  ASSERT_TRUE(process.wait_for_output("text> "));
  process.type("My " + kCanary + " hurts\r");
  ASSERT_TRUE(process.wait_for_output("machine 3/3"));
  process.type("/" + kCanary + "\r/set temperature " + kCanary + "\r/set stop " + kCanary + "\r");
  process.type("/more 1\r/fork 1 1\r/colour\r/agree\r/save " + kCanary + "\r/undo\r/help\r");
  ASSERT_TRUE(process.wait_for_output("end the session"));
  EXPECT_THAT(search_.forms_in(process.command_line()), IsEmpty());
  process.type("/forget\r\x04");
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(search_.forms_in(result.out), Not(IsEmpty())) << "it was never typed";
  EXPECT_THAT(search_.forms_in(result.err), IsEmpty()) << result.err;
  EXPECT_TRUE(fs::exists(tree_ / "work/log")) << "no log was looked into";
  EXPECT_THAT(leaks(search_, tree_.path(), before_, {}), IsEmpty());
}

TEST_F(SessionCanaryTest, WhatIsSavedIsInThatFileAlone) {
  Process process(
      command({"--seed", "1", "--max-new-tokens", "8", "--save-folder", tree_ / "saved"}),
      on_terminal());
  ASSERT_TRUE(process.wait_for_output("text> "));
  process.type("My " + kCanary + " hurts\r");
  ASSERT_TRUE(process.wait_for_output("machine 3/3"));
  process.type("/save kept.jsonl\r");
  ASSERT_TRUE(process.wait_for_output("saved, readable"));
  process.type("\x04");
  EXPECT_EQ(process.wait().status, 0);
  EXPECT_THAT(search_.forms_in(read(tree_ / "saved/kept.jsonl")), Not(IsEmpty()));
  EXPECT_THAT(leaks(search_, tree_.path(), before_, {tree_ / "saved/kept.jsonl"}), IsEmpty());
}

TEST_F(SessionCanaryTest, ItsDeathLeavesNoCore) {
  for (const std::string sandbox : {"on", "off"}) {
    const char* given = std::getenv("MEDGEN_SANDBOX");
    if (sandbox == "on" && given != nullptr && std::string(given) == "off") continue;
    Process process(command({"--max-new-tokens", "8", "--sandbox", sandbox}), on_terminal());
    ASSERT_TRUE(process.wait_for_output("text> "));
    process.type("My " + kCanary + " hurts\r");
    ASSERT_TRUE(process.wait_for_output("machine 3/3"));
    process.signal(SIGQUIT);
    EXPECT_EQ(process.wait().status, 128 + SIGQUIT);
    EXPECT_THAT(files_below(tree_ / "work"), IsEmpty()) << "a core was left";
    EXPECT_THAT(leaks(search_, tree_.path(), before_, {}), IsEmpty());
  }
}

}  // namespace
}  // namespace medgen::attacks
