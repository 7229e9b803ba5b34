// The sandbox as a user meets it: what `medgen doctor` says, and what code that has broken into
// medgen can still do. Knows nothing of how it is enforced but which parts a kernel may lack.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <thread>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// The tests of everything else may run without the sandbox; these say what they want.
RunResult doctor(const std::string& mode, std::map<std::string, std::string> environment = {}) {
  return run({"doctor", "--sandbox", mode}, {.environment = std::move(environment)});
}

bool is_active(const std::string& part) {
  static const std::string found = doctor("on").out;
  for (const std::string& line : lines_of(found)) {
    if (line.find(part) != std::string::npos) return line.find("not active") == std::string::npos;
  }
  ADD_FAILURE() << "the doctor does not speak of " << part;
  return false;
}

#define SKIP_WITHOUT(part) \
  if (!is_active(part)) GTEST_SKIP() << part << " is not active on this system: not tried"

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(SandboxCliTest, TheDoctorFindsThatTheSandboxHolds) {
  const RunResult result = doctor("on");
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out, ContainsRegex("no core dumps, no debugger +active"));
  EXPECT_THAT(result.out, Not(HasSubstr("should be denied")));
  SKIP_WITHOUT("seccomp");
  for (const char* attempt : {"open a socket", "start a process", "execute a program",
                              "trace a process", "make memory executable"}) {
    EXPECT_THAT(result.out, ContainsRegex(std::string(attempt) + " +denied: "));
  }
  SKIP_WITHOUT("Landlock");
  EXPECT_THAT(result.out, ContainsRegex("read (the home folder|~/.ssh) +denied: "));
  EXPECT_THAT(result.out, ContainsRegex("write a temporary file +denied: "));
  EXPECT_THAT(result.out, HasSubstr("\nEvery attempt was denied.\n"));
  EXPECT_EQ(result.err, "");
}

TEST(SandboxCliTest, WithoutTheSandboxTheSameAttemptsSucceed) {
  const fs::path folder = scratch() / "doctor";
  fs::create_directories(folder);
  const RunResult result = doctor("off", {{"TMPDIR", folder.string()}, {"HOME", folder.string()}});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(count(result.out, "not active"), 4) << result.out;
  for (const char* attempt :
       {"open a socket", "make memory executable", "start a process", "execute a program",
        "read the home folder", "write a temporary file"}) {
    EXPECT_THAT(result.out, ContainsRegex(std::string(attempt) + " +succeeded\n"));
  }
  EXPECT_TRUE(fs::is_empty(folder)) << "the doctor left something behind";
}

TEST(SandboxCliTest, TheDoctorSpeaksOfKeysWhereThereAreAny) {
  fs::create_directories(scratch() / "home" / ".ssh");
  const std::map<std::string, std::string> home = {{"HOME", (scratch() / "home").string()}};
  EXPECT_THAT(doctor("off", home).out, ContainsRegex("read ~/.ssh +succeeded"));
  SKIP_WITHOUT("Landlock");
  EXPECT_THAT(doctor("on", home).out, ContainsRegex("read ~/.ssh +denied"));
}

TEST(SandboxCliTest, TheModeIsAnOptionOfEveryCommandAndAVariable) {
  EXPECT_EQ(doctor("sometimes").status, 2);
  const RunResult off = run({"doctor"}, {.environment = {{"MEDGEN_SANDBOX", "off"}}});
  EXPECT_EQ(count(off.out, "not active"), 4);
  EXPECT_THAT(run({"batch", "--help"}).out, HasSubstr("[MEDGEN_SANDBOX]"));
}

// Runs `work` as on a kernel without Landlock.
void without_landlock(const std::function<void()>& work) {
  std::thread([&] {  // a filter of system calls is one of the thread that enters it
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    auto* const filter = seccomp_init(SCMP_ACT_ALLOW);
    ASSERT_EQ(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), 444 /* create a ruleset */, 0), 0);
    ASSERT_EQ(seccomp_load(filter), 0);
    seccomp_release(filter);
    work();
  })
      .join();
}

TEST(SandboxCliTest, AKernelWithoutLandlockIsSaidOnceAndTheRestHolds) {
  without_landlock([] {
    const RunResult result = doctor("on");
    EXPECT_EQ(result.status, 0) << result.out;
    EXPECT_THAT(result.out, ContainsRegex("Landlock\\) +not active"));
    EXPECT_THAT(result.out, ContainsRegex("missing +Landlock: rules on files"));
    EXPECT_THAT(result.out, ContainsRegex("open a socket +denied"));
    EXPECT_THAT(result.out, ContainsRegex("write a temporary file +succeeded"));
    EXPECT_THAT(lines_of(result.err),
                ::testing::ElementsAre(HasSubstr("the sandbox is incomplete on this system")));
  });
}

TEST(SandboxCliTest, WhoRequiresTheSandboxRunsOnlyWithAllOfIt) {
  without_landlock([] {
    const RunResult refused = doctor("require");
    EXPECT_EQ(refused.status, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, AllOf(StartsWith("medgen: error: --sandbox is require, but this is "
                                              "missing: Landlock"),
                                   HasSubstr("--sandbox on")));
  });
  const RunResult here = doctor("require");
  const bool complete = doctor("on").out.find("missing ") == std::string::npos;
  EXPECT_EQ(here.status, complete ? 0 : 1) << here.err;
}

// medgen with a module that an attacker wrote, which it loads while it reads a tokenizer.
class HostileModuleTest : public ::testing::Test {
 protected:
  HostileModuleTest() {
    fs::remove_all(root_);
    fs::create_directories(root_ / "program");
    fs::create_directories(root_ / "place");
    fs::copy_file(MEDGEN_PROGRAM, root_ / "program/medgen");
    fs::copy_file(fs::path(MEDGEN_PROGRAM).parent_path() / "hostile_module.so",
                  root_ / "program/libmedgen_sentencepiece.so");
    write(root_ / "secret", "a secret");
    write(root_ / "place/victim", "x");
    fs::copy_file(fs::path(MEDGEN_DEFAULT_MODEL) / "tokenizer.model", root_ / "tokenizer.model");
  }

  std::string attempts(const std::string& mode) const {
    const RunResult result = run(
        {"tokenize", "--sandbox", mode, "--tokenizer", (root_ / "tokenizer.model").string(), "ill"},
        {.environment = {{"HOSTILE_SECRET", (root_ / "secret").string()},
                         {"HOSTILE_PLACE", (root_ / "place").string()},
                         {"HOSTILE_MODEL", (root_ / "tokenizer.model").string()},
                         {"HOSTILE_GENTLE", mode == "off" ? "1" : ""}},
         .program = (root_ / "program/medgen").string()});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.err;
  }

  fs::path root_ = scratch() / "hostile";
};

TEST_F(HostileModuleTest, InTheSandboxItCanReadTheModelAndNothingElse) {
  SKIP_WITHOUT("Landlock");
  SKIP_WITHOUT("seccomp");
  const std::string found = attempts("on");
  EXPECT_THAT(found, HasSubstr("read the model: done\n"));
  EXPECT_EQ(count(found, ": done"), 1) << found;
  EXPECT_EQ(count(found, ": denied"), 14) << found;
  EXPECT_EQ(read(root_ / "secret"), "a secret");
  EXPECT_TRUE(fs::exists(root_ / "place/victim"));
  EXPECT_FALSE(fs::exists(root_ / "place/planted"));
}

TEST_F(HostileModuleTest, WithoutItItCanDoAsItLikes) {
  const std::string found = attempts("off");
  for (const char* attempt :
       {"read a secret", "list a folder", "write over a file", "write a new file", "remove a file",
        "link a file", "read a process", "open a TCP socket", "start a process",
        "execute a program", "signal a process"}) {
    EXPECT_THAT(found, HasSubstr(std::string(attempt) + ": done\n"));
  }
  EXPECT_TRUE(fs::exists(root_ / "place/planted"));
}

// A module that bides its time: it acts once the model has made a token.
class LateModuleTest : public HostileModuleTest {
 protected:
  std::string attempts(const std::string& mode) const {
    fs::copy(MEDGEN_DEFAULT_MODEL, root_ / ("model-" + mode), fs::copy_options::recursive);
    const RunResult result =
        run({"generate", "--sandbox", mode, "--model", (root_ / ("model-" + mode)).string(),
             "--seed", "1", "-n", "1", "--max-new-tokens", "2", "--quiet", "ill"},
            {.environment = {{"HOSTILE_LATE", "1"}, {"HOSTILE_PLACE", (root_ / "place").string()}},
             .program = (root_ / "program/medgen").string()});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.err;
  }
};

TEST_F(LateModuleTest, OnceAllIsLoadedItCanAddNoCode) {
  SKIP_WITHOUT("no new code");
  const std::string found = attempts("on");
  EXPECT_EQ(count(found, ": done"), 0) << found;
  EXPECT_EQ(count(found, ": denied"), 4) << found;
  EXPECT_EQ(count(attempts("off"), ": done"), 4) << "without the sandbox it can";
}

// What the rules must leave possible, besides what the tests of the commands do inside it.

TEST(SandboxCliTest, AModelFolderOfLinksIsRead) {
  const fs::path folder = scratch() / "links";
  fs::create_directories(folder);
  for (const auto& entry : fs::directory_iterator(MEDGEN_DEFAULT_MODEL)) {
    fs::create_symlink(entry.path(), folder / entry.path().filename());
  }
  const RunResult result = run({"--sandbox", "on", "--model", folder.string(), "--seed", "1", "-n",
                                "1", "--max-new-tokens", "4", "ill"});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST(SandboxCliTest, OutputsMayLieBesideFilesThatMayNotBeRead) {
  const fs::path home = scratch() / "output_home";
  fs::create_directories(home);
  write(home / "prompts.jsonl", prompts(3));
  const std::vector<std::string> words = {"batch",
                                          (home / "prompts.jsonl").string(),
                                          "-o",
                                          (home / "out.jsonl").string(),
                                          "--stats",
                                          (home / "stats.json").string(),
                                          "--seed",
                                          "1",
                                          "--max-new-tokens",
                                          "4",
                                          "--sandbox",
                                          "on"};
  EXPECT_EQ(run(words).status, 0);
  const std::string first = read(home / "out.jsonl");
  EXPECT_THAT(lines_of(first), ::testing::SizeIs(3));
  const RunResult again = run(words);  // reads what it wrote
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(read(home / "out.jsonl"), first);
  EXPECT_EQ(run({"metrics", (home / "out.jsonl").string(), "--csv", (home / "m.csv").string(),
                 "--report", "/dev/null", "--sandbox", "on"})
                .status,
            0);
  EXPECT_TRUE(fs::exists(home / "m.csv"));
}

}  // namespace
}  // namespace medgen::cli_tests
