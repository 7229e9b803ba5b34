// What the program asks the kernel for, as strace tells it: no network, no other program, no file
// written but beside its outputs.
// Knows the form of strace's lines, not how the program keeps to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "attacks/canary.h"
#include "cli/models.h"
#include "cli/process.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::RunOptions;
using cli_tests::RunResult;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

constexpr const char* kStrace = "/usr/bin/strace";
constexpr const char* kCallsOutside =
    "%network,execve,execveat,?fork,?vfork,clone,?clone3,?open,openat,?openat2,?creat,memfd_create,"
    "ptrace";

// Those of strace's lines that a program which keeps to itself does not cause: calls of the
// network, another program after the first, a process, and a file opened for writing outside
// `folder`. Whether the kernel granted them does not count, but for processes, whose threads are no
// matter.
Words forbidden(const std::string& trace, const std::string& folder) {
  static const std::regex kCall(R"(^(?:\d+ +)?(?:<\.\.\. )?(\w+)(?:\(| resumed>).*)");
  static const std::regex kOpened(
      R"re(\w+\((?:AT_FDCWD, )?"([^"]*)".*O_(?:WRONLY|RDWR|CREAT|TMPFILE).*)re");
  Words found;
  bool started = false;
  for (const std::string& line : cli_tests::lines_of(trace)) {
    std::smatch call;
    if (!std::regex_match(line, call, kCall) || line.find(" resumed>") != std::string::npos)
      continue;
    const std::string name = call[1];
    if (name.starts_with("exec")) {
      if (started) found.push_back(line);
      started = true;
    } else if (name == "fork" || name == "vfork" || name.starts_with("clone")) {
      if (line.find("CLONE_THREAD") == std::string::npos) found.push_back(line);
    } else if (name.starts_with("open") || name == "creat") {
      std::smatch opened;
      if (!std::regex_search(line, opened, kOpened)) continue;
      const std::string file = opened[1];
      const bool inside = file.starts_with(folder + "/") || !file.starts_with("/");
      if (!inside && file != "/dev/null") found.push_back(line);
    } else {
      found.push_back(line);
    }
  }
  return found;
}

class SystemCallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kStrace)) GTEST_SKIP() << "strace is not installed";
    if (traced({"/bin/true"}).status != 0) GTEST_SKIP() << "strace may not trace here";
  }

  // Runs it in the folder, with all places that it may write to by habit there.
  RunResult traced(const Words& words, const std::string& input = {},
                   const std::string& calls = kCallsOutside) const {
    RunOptions options;
    options.program = "/bin/bash";
    options.input = input;
    options.environment = {{"HOME", folder_.path()},
                           {"TMPDIR", folder_.path()},
                           {"XDG_CONFIG_HOME", folder_ / "config"},
                           {"XDG_CACHE_HOME", folder_ / "cache"}};
    Words all = {"-c",
                 "cd \"$1\" && shift && exec \"$@\"",
                 "shell",
                 folder_.path(),
                 kStrace,
                 "-f",
                 "-qq",
                 "-s",
                 "4096",
                 "-e",
                 "signal=none",
                 "-e",
                 "trace=" + calls,
                 "-o",
                 trace()};
    all.insert(all.end(), words.begin(), words.end());
    return cli_tests::run(all, options);
  }
  Words forbidden_of(const Words& words, const std::string& input = {}) const {
    const RunResult result = traced(words, input);
    EXPECT_EQ(result.status, 0) << result.err;
    const std::string lines = cli_tests::read(trace());
    EXPECT_THAT(lines, HasSubstr("execve(\"" + words.front()));
    return forbidden(lines, folder_.path());
  }
  std::string trace() const { return (folder_ / "trace").string(); }

  TemporaryFolder folder_;
};

TEST_F(SystemCallsTest, NoSocketNoOtherProgramAndNoFileElsewhere) {
  const std::string model = (folder_ / "model").string();
  fs::copy(cli_tests::tiny_model(), model, fs::copy_options::recursive);
  folder_.write("corpus.jsonl", documents("fever"));
  folder_.write("rows.jsonl", cli_tests::prompts(5));
  for (const Words& words : {
           Words{"generate", "--model", model, "I feel"},
           Words{"batch", "rows.jsonl", "--model", model, "-o", "out.jsonl", "--log-file", "log"},
           Words{"metrics", "out.jsonl", "--model", model, "--resamples", "50", "--csv",
                 "metrics.csv", "--report", "report.html"},
           Words{"train-tokenizer", "--data", "corpus.jsonl", "--output", "vocabulary",
                 "--vocab-size", "512"},
       }) {
    Words all = {MEDGEN_PROGRAM};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_THAT(forbidden_of(all), IsEmpty()) << words.front();
  }
}

// How many filters of system calls a process took upon itself; questions about them do not count.
int filters_of(const std::string& trace) {
  static const std::regex kFilter(R"(.*seccomp\(SECCOMP_SET_MODE_FILTER, .*\{len=.*\) = 0)");
  int count = 0;
  for (const std::string& line : cli_tests::lines_of(trace)) {
    count += std::regex_match(line, kFilter) ? 1 : 0;
  }
  return count;
}

TEST_F(SystemCallsTest, ASecondFilterFollowsOnceAllIsLoaded) {
  const std::string model = (folder_ / "model").string();
  fs::copy(cli_tests::tiny_model(), model, fs::copy_options::recursive);
  folder_.write("corpus.jsonl", documents("fever"));
  folder_.write("rows.jsonl", cli_tests::prompts(2));
  const auto filters = [&](const Words& words) {
    Words all = {MEDGEN_PROGRAM};
    all.insert(all.end(), words.begin(), words.end());
    const RunResult result = traced(all, "", "seccomp");
    // A pack that nobody has rated is read and then refused.
    EXPECT_EQ(result.status, words.front() == "ratings" ? 2 : 0) << words.front() << "\n"
                                                                 << result.err;
    if (words.front() == "generate") folder_.write("record.jsonl", result.out);
    return filters_of(cli_tests::read(trace()));
  };
  for (const Words& words : {
           Words{"generate", "--json", "--model", model, "I feel"},
           Words{"batch", "rows.jsonl", "--model", model, "-o", "out.jsonl"},
           Words{"sweep", "rows.jsonl", "--model", model, "--grid", "top_k=5,9", "-o", "sweep",
                 "--rating-pack", "2"},
           Words{"metrics", "out.jsonl", "--resamples", "0"},
           Words{"metrics", "out.jsonl", "--resamples", "0", "--model", model, "--csv", "m.csv"},
           Words{"ratings", "sweep/rating_pack.csv", "sweep/rating_key.csv"},
           Words{"explain", "--model", model, "I feel"},
           Words{"agree", "--model", model, "-n", "2", "--max-new-tokens", "2", "I feel"},
           Words{"agree", "--model", model, "-n", "2", "--html", "a.html", "I feel"},
           Words{"lens", "--model", model, "--html", "lens.html", "I feel"},
           Words{"reproduce", "record.jsonl", "--model", model},
           Words{"inspect", model},
           Words{"bench", "--model", model, "--sequences", "1", "--new-tokens", "2",
                 "--prefill-tokens", "4", "--prompt-tokens", "2", "--repeats", "1"},
           Words{"tokenize", "--tokenizer", model, "I feel"},
           Words{"prepare", "--data", "corpus.jsonl", "--tokenizer", model, "--output", "shards"},
           Words{"index", "shards", "index"},
           Words{"trace", "--index", "index", "I feel"},
           Words{"trace", "--index", "index", "--continue", "--model", model, "I feel"},
           Words{"audit", model, "--index", "index", "--prefix-tokens", "4", "--max-new-tokens",
                 "4", "--least-tokens", "4", "--documents", "3"},
           Words{"train-tokenizer", "--data", "corpus.jsonl", "--output", "vocabulary",
                 "--vocab-size", "512"},
           Words{"convert", cli_tests::checkpoint("gelu_new_odd_head").string(), "converted",
                 "--tokenizer", cli_tests::checkpoint_tokenizer().string()},
           Words{"clean", ".", "--yes"},
           Words{"completions", "zsh"},
           Words{"manual", "medgen-batch.1"},
       }) {
    EXPECT_EQ(filters(words), 2) << words.front();
  }
  // Companion: without the sandbox there is none.
  EXPECT_EQ(filters({"inspect", model, "--sandbox", "off"}), 0);
}

// Companions: the same reading of what other programs do.
TEST_F(SystemCallsTest, ASocketIsNoticed) {
  traced({"/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"});
  const Words found = forbidden(cli_tests::read(trace()), folder_.path());
  EXPECT_THAT(found, Contains(HasSubstr(" socket(AF_INET")));
  EXPECT_THAT(found, Contains(HasSubstr(" connect(")));
}

TEST_F(SystemCallsTest, AnotherProgramIsNoticed) {
  EXPECT_THAT(forbidden_of({"/bin/bash", "-c", "exec /bin/true"}),
              Contains(HasSubstr("execve(\"/bin/true\"")));
  EXPECT_THAT(forbidden_of({"/bin/bash", "-c", "/bin/true; :"}), Contains(HasSubstr("clone")));
}

TEST_F(SystemCallsTest, AFileElsewhereIsNoticed) {
  const TemporaryFolder other;
  const std::string file = (other / "file").string();
  EXPECT_THAT(forbidden_of({"/usr/bin/touch", file}), Contains(HasSubstr(file)));
  EXPECT_THAT(forbidden_of({"/usr/bin/touch", "inside", trace()}), IsEmpty());
  EXPECT_THAT(forbidden_of({"/bin/cat", file}), IsEmpty());
}

TEST(SystemCallsReadingTest, CountsThreadsAsNoProcessAndARefusedCallAsACall) {
  const std::string harmless =
      "7 execve(\"/m\", [\"m\"], 0x7f /* 3 vars */) = 0\n"
      "7 openat(AT_FDCWD, \"/lib/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3\n"
      "7 openat(AT_FDCWD, \"/f/out\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3\n"
      "7 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, stack=0x7f} => {parent_tid=[8]}, 88) = 8\n"
      "8 <... clone3 resumed> => {parent_tid=[9]}, 88) = 9\n";
  EXPECT_THAT(forbidden(harmless, "/f"), IsEmpty());
  for (const std::string line :
       {"8 socket(AF_UNIX, SOCK_STREAM, 0) = -1 EPERM (Operation not permitted)",
        "8 connect(3, {sa_family=AF_INET}, 16 <unfinished ...>",
        "8 execve(\"/m\", [\"m\"], 0x7f) = -1 EACCES (Permission denied)",
        "8 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 9", "8 vfork() = 9",
        "8 openat(AT_FDCWD, \"/tmp/x\", O_RDWR|O_TMPFILE, 0600) = 3",
        "8 openat(AT_FDCWD, \"/fx/out\", O_WRONLY) = -1 EACCES (Permission denied)",
        "8 memfd_create(\"x\", 0) = 3"}) {
    EXPECT_EQ(forbidden(harmless + line + "\n", "/f"), Words{line});
  }
}

}  // namespace
}  // namespace medgen::attacks
