// What is on the disk after a run, who may read it, and how it is removed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

unsigned mode(const fs::path& path) {
  return static_cast<unsigned>(fs::status(path).permissions()) & 0777U;
}

class FilesCliTest : public ::testing::Test {
 protected:
  FilesCliTest()
      : folder_(scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::create_directories(folder_);
    write(folder_ / "rows.jsonl", prompts(3));
  }
  RunResult batch(const fs::path& output, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"batch",
                                      (folder_ / "rows.jsonl").string(),
                                      "--model",
                                      tiny_model(),
                                      "-o",
                                      output.string(),
                                      "--seed",
                                      "1",
                                      "--max-new-tokens",
                                      "3"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  fs::path folder_;
};

TEST_F(FilesCliTest, OutputsAreForTheUserAlone) {
  ASSERT_EQ(batch(folder_ / "out.jsonl").status, 0);
  EXPECT_EQ(mode(folder_ / "out.jsonl"), 0600U);
  EXPECT_EQ(mode(folder_ / "out.jsonl.journal"), 0600U);
  ASSERT_EQ(run({"convert", checkpoint("gelu_new_odd_head").string(), (folder_ / "model").string(),
                 "--tokenizer", checkpoint_tokenizer().string()})
                .status,
            0);
  EXPECT_EQ(mode(folder_ / "model"), 0700U);
  EXPECT_EQ(mode(folder_ / "model/manifest.json"), 0600U);
}

TEST_F(FilesCliTest, AnotherUmaskSaysOtherwise) {
  ASSERT_EQ(batch(folder_ / "out.jsonl", {"--umask", "022"}).status, 0);
  EXPECT_EQ(mode(folder_ / "out.jsonl"), 0644U);
  for (const char* bad : {"9", "rw", "1000", "", "0x7"}) {
    const RunResult refused = batch(folder_ / "other.jsonl", {"--umask", bad});
    EXPECT_EQ(refused.status, 2) << bad;
    EXPECT_THAT(refused.err, HasSubstr("umask")) << bad;
  }
}

TEST_F(FilesCliTest, APlantedLinkIsNotFollowed) {
  write(folder_ / "victim", "precious");
  fs::create_symlink(folder_ / "victim", folder_ / "out.jsonl");
  if (::geteuid() != 0 || ::lchown((folder_ / "out.jsonl").c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "only root can give a link away";
  }
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--restart"}}) {
    const RunResult refused = batch(folder_ / "out.jsonl", more);
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err, HasSubstr("another user made"));
  }
  EXPECT_EQ(read(folder_ / "victim"), "precious");
  fs::remove(folder_ / "out.jsonl");
  fs::create_symlink(folder_ / "victim", folder_ / "out.jsonl");
  EXPECT_EQ(batch(folder_ / "out.jsonl", {"--restart"}).status, 0) << "the user's own link";
}

TEST_F(FilesCliTest, CleanListsAsksAndRemoves) {
  ASSERT_EQ(batch(folder_ / "out.jsonl").status, 0);
  write(folder_ / ".report.html.new-abcdefgh", "half");
  write(folder_ / "theirs.journal", "Dear diary\n");
  const RunResult asked = run({"clean", folder_.string()});
  EXPECT_EQ(asked.status, 0);
  EXPECT_THAT(asked.out, HasSubstr("out.jsonl.journal"));
  EXPECT_THAT(asked.out, HasSubstr(".report.html.new-abcdefgh"));
  EXPECT_THAT(asked.out, Not(HasSubstr("theirs")));
  EXPECT_THAT(asked.err, HasSubstr("--yes"));
  EXPECT_TRUE(fs::exists(folder_ / "out.jsonl.journal")) << "nobody agreed";

  EXPECT_EQ(run({"clean", folder_.string(), "--yes"}).status, 0);
  EXPECT_FALSE(fs::exists(folder_ / "out.jsonl.journal"));
  EXPECT_FALSE(fs::exists(folder_ / ".report.html.new-abcdefgh"));
  EXPECT_TRUE(fs::exists(folder_ / "theirs.journal"));
  EXPECT_TRUE(fs::exists(folder_ / "out.jsonl"));
  EXPECT_THAT(run({"clean", folder_.string(), "--yes"}).out, IsEmpty());
  EXPECT_EQ(run({"clean", (folder_ / "missing").string()}).status, 2);
}

TEST_F(FilesCliTest, CleanKeepsUnfinishedJobsUnlessAskedOtherwise) {
  ASSERT_EQ(batch(folder_ / "out.jsonl").status, 0);
  // A journal whose last line was lost belongs to an unfinished job.
  const std::string journal = read(folder_ / "out.jsonl.journal");
  write(folder_ / "out.jsonl.journal", journal.substr(0, journal.find('\n') + 1));
  EXPECT_THAT(run({"clean", folder_.string(), "--yes"}).out, IsEmpty());
  EXPECT_TRUE(fs::exists(folder_ / "out.jsonl.journal"));
  EXPECT_THAT(run({"clean", folder_.string(), "--yes", "--unfinished"}).out,
              HasSubstr("unfinished"));
  EXPECT_FALSE(fs::exists(folder_ / "out.jsonl.journal"));
}

TEST_F(FilesCliTest, CleanLeavesTheJournalOfARunningBatchEvenIfItsOutputIsALink) {
  fs::create_directory(folder_ / "elsewhere");
  fs::create_symlink("real.jsonl", folder_ / "near.jsonl");
  fs::create_symlink(folder_ / "elsewhere/real.jsonl", folder_ / "far.jsonl");
  for (const char* name : {"near.jsonl", "far.jsonl"}) {
    ASSERT_EQ(batch(folder_ / name).status, 0);
    const fs::path journal = folder_ / (name + std::string(".journal"));
    const int running = ::open((folder_ / name).c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::flock(running, LOCK_EX | LOCK_NB), 0);
    run({"clean", folder_.string(), "--yes", "--unfinished"});
    EXPECT_TRUE(fs::exists(journal)) << name;
    ::close(running);
  }
  EXPECT_EQ(run({"clean", folder_.string(), "--yes"}).status, 0);
  EXPECT_FALSE(fs::exists(folder_ / "near.jsonl.journal")) << "the batch is over";
}

TEST_F(FilesCliTest, CleanLeavesWhatOtherUsersMade) {
  ASSERT_EQ(batch(folder_ / "out.jsonl").status, 0);
  const fs::path journal = folder_ / "out.jsonl.journal";
  if (::geteuid() != 0 || ::chown(journal.c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_THAT(run({"clean", folder_.string(), "--yes"}).out, IsEmpty());
  EXPECT_TRUE(fs::exists(journal));
}

TEST_F(FilesCliTest, PackedWeightsThatSomebodyElseMadeAreNotUsed) {
  const fs::path model = copy_of_tiny_model("forged");
  const std::vector<std::string> words = {
      "--model", model.string(), "--seed", "1", "--max-new-tokens", "3", "I feel"};
  const std::string text = run(words).out;
  fs::path packed;
  for (const auto& entry : fs::directory_iterator(model)) {
    if (entry.path().filename().string().starts_with("packed-")) packed = entry.path();
  }
  ASSERT_FALSE(packed.empty());
  // Made by another user for other parameters: here by this program with another key.
  const fs::path other = copy_of_tiny_model("forger");
  RunOptions somebody;
  somebody.environment["XDG_CONFIG_HOME"] = (folder_ / "config").string();
  auto made = words;
  made[1] = other.string();
  ASSERT_EQ(run(made, somebody).status, 0);
  fs::copy_file(other / packed.filename(), packed, fs::copy_options::overwrite_existing);
  const RunResult found = run(words);
  EXPECT_EQ(found.out, text);
  EXPECT_THAT(found.err, HasSubstr("this user did not make it"));
  EXPECT_THAT(run(words).err, Not(HasSubstr("did not make it"))) << "it is packed again";
}

TEST_F(FilesCliTest, ChangedWeightsOfEqualSizeAreNoticedByAFullCheck) {
  const fs::path model = copy_of_tiny_model("changed");
  const std::vector<std::string> words = {
      "--model", model.string(), "--seed", "1", "--max-new-tokens", "3", "I feel"};
  ASSERT_EQ(run(words).status, 0);
  {
    std::fstream file(model / "model.pt", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(model / "model.pt") / 2));
    file.put('\x55');
    file.put('\x66');
  }
  auto full = words;
  full.insert(full.end() - 1, {"--verify", "full"});
  const RunResult refused = run(full);
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("SHA-256"));
  EXPECT_EQ(run(words).status, 0) << "the packed weights are what was checked before";
}

}  // namespace
}  // namespace medgen::cli_tests
