// Only who has the key can make a seal that fits, and any changed byte breaks it.
#include "base/file_seal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "base/user_key.h"
#include "temporary_folder.h"

namespace medgen::base {
namespace {

namespace fs = std::filesystem;

class FileSealTest : public ::testing::Test {
 protected:
  void write(const std::string& content) {
    write_file(folder_ / "file", content);
    bytes_ = content.size() - kStart;
  }
  Seal seal(const SecretKey& key, const SealSalt& salt, std::string_view header = "head") {
    const int fd = ::open((folder_ / "file").c_str(), O_RDONLY);
    const auto found = seal_file(fd, kStart, bytes_, header, key, salt);
    ::close(fd);
    return found.value();
  }

  static constexpr std::uint64_t kStart = 3;
  TemporaryFolder folder_;
  std::uint64_t bytes_ = 0;
  SecretKey key_{1};
  SealSalt salt_{2};
};

TEST_F(FileSealTest, DependsOnKeySaltHeaderAndEveryPart) {
  std::string content(9'000'000, 'x');  // NOLINT(bugprone-string-constructor): three pieces
  write(content);
  const Seal first = seal(key_, salt_);
  EXPECT_TRUE(same_seal(first, seal(key_, salt_)));
  EXPECT_FALSE(same_seal(first, seal(SecretKey{9}, salt_)));
  EXPECT_FALSE(same_seal(first, seal(key_, SealSalt{9})));
  EXPECT_FALSE(same_seal(first, seal(key_, salt_, "Head")));
  for (const std::size_t place : {std::size_t{3}, std::size_t{4'194'310}, content.size() - 1}) {
    content[place] ^= 1;
    write(content);
    EXPECT_FALSE(same_seal(first, seal(key_, salt_))) << place;
    content[place] ^= 1;
  }
  content[0] ^= 1;  // before the start
  write(content);
  EXPECT_TRUE(same_seal(first, seal(key_, salt_)));
}

TEST_F(FileSealTest, SwappedPiecesBreakIt) {
  const std::size_t piece = std::size_t{4} << 20U;
  write("abc" + std::string(piece, 'x') + std::string(piece, 'y'));
  const Seal first = seal(key_, salt_);
  write("abc" + std::string(piece, 'y') + std::string(piece, 'x'));
  EXPECT_FALSE(same_seal(first, seal(key_, salt_)));
}

TEST_F(FileSealTest, AFileThatIsTooShortHasNone) {
  write("abc");
  const int fd = ::open((folder_ / "file").c_str(), O_RDONLY);
  EXPECT_FALSE(seal_file(fd, kStart, 1, "head", key_, salt_).has_value());
  ::close(fd);
}

class UserKeyTest : public ::testing::Test {
 protected:
  UserKeyTest() : file_(folder_ / "config/medgen/key") {
    ::setenv("XDG_CONFIG_HOME", (folder_ / "config").c_str(), 1);
  }
  void TearDown() override { ::unsetenv("XDG_CONFIG_HOME"); }

  TemporaryFolder folder_;
  fs::path file_;
  std::string why_;
};

TEST_F(UserKeyTest, IsMadeOnceAndReadByItsOwnerAlone) {
  const auto key = user_key(why_);
  ASSERT_TRUE(key.has_value()) << why_;
  EXPECT_EQ(user_key(why_), key);
  EXPECT_EQ(static_cast<unsigned>(fs::status(file_).permissions()), 0600U);
  for (const auto& entry : fs::directory_iterator(file_.parent_path())) {
    EXPECT_EQ(entry.path(), file_) << "something else was left";
  }
  fs::remove(file_);
  EXPECT_NE(user_key(why_), key);
}

TEST_F(UserKeyTest, OneThatOthersCanReadOrThatIsDamagedIsNotUsed) {
  ASSERT_TRUE(user_key(why_).has_value());
  ::chmod(file_.c_str(), 0644);
  EXPECT_FALSE(user_key(why_).has_value());
  EXPECT_NE(why_.find("others may read it"), std::string::npos) << why_;
  ::chmod(file_.c_str(), 0600);
  write_file(file_, "short");
  EXPECT_FALSE(user_key(why_).has_value());
  EXPECT_NE(why_.find("damaged"), std::string::npos) << why_;
}

TEST_F(UserKeyTest, WithoutAFolderThereIsNone) {
  write_file(folder_ / "config", "a file");
  EXPECT_FALSE(user_key(why_).has_value());
  EXPECT_NE(why_, "");
}

}  // namespace
}  // namespace medgen::base
