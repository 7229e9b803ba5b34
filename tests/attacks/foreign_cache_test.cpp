// The user's cache folder, where somebody else could put packed weights: they are not used, and the
// message says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::run;
using cli_tests::RunOptions;
using cli_tests::RunResult;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kSomebody = 12345;

// A lone file has no folder of its own to keep packed weights in.
class ForeignCacheTest : public ::testing::Test {
 protected:
  ForeignCacheTest() {
    fs::remove_all(cache_);
    fs::create_directories(cache_);
    options_.environment["XDG_CACHE_HOME"] = cache_.string();
    const RunResult first = run(words_, options_);
    EXPECT_EQ(first.status, 0) << first.err;
    text_ = first.out;
    for (const auto& entry : fs::recursive_directory_iterator(cache_)) {
      if (entry.path().extension() == ".bin") packed_.push_back(entry.path());
    }
    EXPECT_FALSE(packed_.empty());
  }

  void expect_not_used(const std::string& why) const {
    const RunResult result = run(words_, options_);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, text_);
    EXPECT_THAT(result.err, AllOf(HasSubstr("are not used (" + why), HasSubstr("rebuilt")));
  }

  // Other weights of the same form, as a forger would put there.
  void forge(const fs::path& file) const {
    std::string bytes = cli_tests::read(file);
    for (std::size_t i = bytes.size() / 2; i < bytes.size(); ++i) bytes[i] ^= 0x15;
    cli_tests::write(file, bytes);
  }

  const fs::path cache_ = cli_tests::scratch() / "cache-of-somebody";
  const std::vector<std::string> words_ = {"generate",
                                           "--model",
                                           (cli_tests::checkpoint("traced") / "model.pt").string(),
                                           "--tokenizer",
                                           cli_tests::checkpoint_tokenizer().string(),
                                           "--backend",
                                           "native",
                                           "--seed",
                                           "1",
                                           "-n",
                                           "1",
                                           "I feel"};
  RunOptions options_;
  std::string text_;
  std::vector<fs::path> packed_;
};

TEST_F(ForeignCacheTest, WhatAnotherUserPutThereIsNotUsed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make another user's file";
  for (const fs::path& file : packed_) {
    forge(file);
    ASSERT_EQ(::chown(file.c_str(), kSomebody, kSomebody), 0);
    ASSERT_EQ(::chown(file.parent_path().c_str(), kSomebody, kSomebody), 0);
  }
  expect_not_used("it belongs to another user");
}

TEST_F(ForeignCacheTest, WhatOthersMayWriteIsNotUsed) {
  for (const fs::path& file : packed_) {
    forge(file);
    fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  }
  expect_not_used("others may write it");
}

TEST_F(ForeignCacheTest, WhatIsSealedWithAnotherKeyIsNotUsed) {
  for (const fs::path& file : packed_) forge(file);
  expect_not_used("it is damaged, or this user did not make it");
}

// Companion: what this user made is used, and nothing is said.
TEST_F(ForeignCacheTest, OnesOwnIsUsed) {
  const RunResult result = run(words_, options_);
  EXPECT_EQ(result.out, text_);
  EXPECT_THAT(result.err, Not(HasSubstr("are not used")));
}

}  // namespace
}  // namespace medgen::attacks
