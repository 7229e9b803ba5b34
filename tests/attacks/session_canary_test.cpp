// A session leaves nothing behind: words that are typed in it are in no file, in no list of
// processes, on standard error and in no core.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <sstream>

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
  // Once for all tests: weights are packed once.
  static void SetUpTestSuite() {
    shared_tree = std::make_unique<TemporaryFolder>();
    for (const char* name : {"home", "temporary", "work", "saved"})
      fs::create_directory(*shared_tree / name);
    copy_model(*shared_tree / "model");
  }
  static void TearDownTestSuite() { shared_tree.reset(); }

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
    made.environment = folders_of_habit(tree_.path());
    made.environment["TERM"] = "xterm";
    return made;
  }

  static inline std::unique_ptr<TemporaryFolder> shared_tree;
  TemporaryFolder& tree_ = *shared_tree;
  FilesBelow before_ = files_below(tree_.path());
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
  process.type("/more 1\r/fork 1 1\r/colour\r/why 1\r/agree\r/save " + kCanary +
               "\r/undo\r/help\r");
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
    process.signal(SIGABRT);
    EXPECT_EQ(process.wait().status, 128 + SIGABRT);
    for (const auto& [file, state] : files_below(tree_ / "work"))
      EXPECT_EQ(file.filename(), "log") << "a core was left";
    EXPECT_THAT(leaks(search_, tree_.path(), before_, {}), IsEmpty());
  }
}

// How often the canary's words are in what the process can write to, as text and as ids.
std::size_t times_in(const std::string& memory, const Tokenizer& tokenizer) {
  std::size_t times = 0;
  std::istringstream words(kCanary);
  for (std::string word; words >> word;) {
    std::vector<TokenId> ids = tokenizer.encode(word);
    ids = {ids.begin() + 1, ids.end() - 1};  // those at the ends depend on what is beside them
    const std::string bytes(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]);
    for (const std::string& what : {word, bytes}) {
      for (std::size_t at = memory.find(what); at != std::string::npos;
           at = memory.find(what, at + 1))
        ++times;
    }
  }
  return times;
}

TEST_F(SessionCanaryTest, WhatIsForgottenIsInNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers have a memory of their own";
#endif
  const auto tokenizer = load_tokenizer(MEDGEN_DEFAULT_MODEL);
  Process process(command({"--seed", "1", "--max-new-tokens", "8"}), on_terminal());
  ASSERT_TRUE(process.wait_for_output("text> "));
  if (process.memory().empty()) GTEST_SKIP() << "only root reads what the sandbox guards";
  process.type("My " + kCanary + " hurts\r");
  ASSERT_TRUE(process.wait_for_output("machine 3/3"));
  process.type("/more 1\r/fork 1 1\r/colour\r/why 1\r/undo\r/edit\r\x15/help\r");
  ASSERT_TRUE(process.wait_for_output("end the session"));
  EXPECT_GT(times_in(process.memory(), *tokenizer), 0U) << "this looks in the wrong places";
  process.type("/new\r/seed\r");
  ASSERT_TRUE(process.wait_for_output("There is no text yet."));
  EXPECT_EQ(times_in(process.memory(), *tokenizer), 0U);
  process.type("\x04");
  EXPECT_EQ(process.wait().status, 0);
}

}  // namespace
}  // namespace medgen::attacks
