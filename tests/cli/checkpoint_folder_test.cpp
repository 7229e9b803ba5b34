// A Hugging Face folder in place of a model, as a user gives it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CheckpointFolderTest : public ::testing::Test {
 protected:
  CheckpointFolderTest()
      : folder_(scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fill(folder_ / "tiny");
    options_.environment["XDG_CACHE_HOME"] = (folder_ / "cache").string();
  }

  // The checkpoint that tiny_model() was made of, with the tokenizer.
  static void fill(const fs::path& folder) {
    fs::create_directories(folder);
    for (const fs::path& part : {checkpoint("gelu_new_odd_head"), checkpoint_tokenizer()}) {
      fs::copy(part, folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    }
  }

  RunResult generate(const fs::path& model) const {
    return run({"--model", model.string(), "--seed", "3", "--max-new-tokens", "5", "ab"}, options_);
  }

  int models() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache/medgen/models")) {
      count += entry.is_directory() ? 1 : 0;
    }
    return count;
  }

  fs::path folder_;
  RunOptions options_;
};

TEST_F(CheckpointFolderTest, GeneratesWhatItsModelFolderDoesAndIsConvertedOnce) {
  const RunResult expected = generate(tiny_model());
  ASSERT_EQ(expected.status, 0) << expected.err;
  const RunResult first = generate(folder_ / "tiny");
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.out, expected.out);
  EXPECT_THAT(first.err, AllOf(HasSubstr("converting"), HasSubstr("cache/medgen/models")));
  const RunResult second = generate(folder_ / "tiny");
  EXPECT_EQ(second.out, expected.out);
  EXPECT_THAT(second.err, Not(HasSubstr("converting")));
  const RunResult full = run({"--model", (folder_ / "tiny").string(), "--seed", "3", "--verify",
                              "full", "--max-new-tokens", "5", "ab"},
                             options_);
  EXPECT_EQ(full.out, expected.out) << full.err;
  EXPECT_EQ(models(), 1);
}

TEST_F(CheckpointFolderTest, ASnapshotOfTheHubsCacheIsMadeOfLinks) {
  const fs::path hub = folder_ / "models--x--tiny";
  const fs::path snapshot = hub / "snapshots/0123";
  fs::create_directories(hub / "blobs");
  fs::create_directories(snapshot);
  int number = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "tiny")) {
    const std::string blob = "b" + std::to_string(++number);
    fs::copy(entry.path(), hub / "blobs" / blob);
    fs::create_symlink("../../blobs/" + blob, snapshot / entry.path().filename());
  }
  const RunResult result = generate(snapshot);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, generate(tiny_model()).out);
  const RunResult root = generate(hub);
  EXPECT_EQ(root.status, 3);
  EXPECT_THAT(root.err, HasSubstr("snapshots/0123"));
}

TEST_F(CheckpointFolderTest, StartsAtTheSameTimeConvertItOnce) {
  const std::vector<std::string> words = {
      "--model", (folder_ / "tiny").string(), "--seed", "3", "--max-new-tokens", "5", "ab"};
  Process first(words, options_);
  Process second(words, options_);
  const RunResult a = first.wait();
  const RunResult b = second.wait();
  EXPECT_EQ(a.status, 0) << a.err;
  EXPECT_EQ(b.status, 0) << b.err;
  EXPECT_EQ(a.out, b.out);
  EXPECT_EQ(models(), 1);
  const auto conversions = [](const RunResult& result) {
    return result.err.find("converting /") == std::string::npos ? 0 : 1;
  };
  EXPECT_EQ(conversions(a) + conversions(b), 1) << a.err << b.err;
}

TEST_F(CheckpointFolderTest, EveryCommandWithAModelTakesOne) {
  const std::string tiny = (folder_ / "tiny").string();
  write(folder_ / "rows.jsonl", prompts(2));
  const std::string rows = (folder_ / "rows.jsonl").string();
  const std::string out = (folder_ / "out.jsonl").string();
  EXPECT_EQ(run({"inspect", tiny}, options_).status, 0);
  const RunResult batch =
      run({"batch", rows, "--model", tiny, "-o", out, "--max-new-tokens", "3", "--seed", "1"},
          options_);
  EXPECT_EQ(batch.status, 0) << batch.err;
  EXPECT_EQ(run({"reproduce", out, "--model", tiny}, options_).status, 0);
  EXPECT_EQ(run({"tokenize", "--tokenizer", tiny, "ab"}, options_).status, 0);
}

TEST_F(CheckpointFolderTest, CleanListsAndRemovesWhatWasConverted) {
  ASSERT_EQ(generate(folder_ / "tiny").status, 0);
  const RunResult clean =
      run({"clean", (folder_ / "cache/medgen/models").string(), "--yes"}, options_);
  EXPECT_EQ(clean.status, 0) << clean.err;
  EXPECT_THAT(clean.out, HasSubstr("converted from a Hugging Face folder"));
  EXPECT_EQ(models(), 0);
}

TEST_F(CheckpointFolderTest, OneFileOfItIsRefusedWithTheFoldersName) {
  const std::string file = (folder_ / "tiny/model.safetensors").string();
  for (const auto& words : {std::vector<std::string>{"convert", file, (folder_ / "out").string()},
                            std::vector<std::string>{"--model", file, "ab"}}) {
    const RunResult result = run(words, options_);
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.err, HasSubstr("give the folder, " + (folder_ / "tiny").string()));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
