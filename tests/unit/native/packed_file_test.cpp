// Packed weights on disk: what is damaged, foreign or unwritable is never trusted and never fatal.
#include "native/packed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "temporary_folder.h"
#include "unit/native/tiny_model.h"

namespace medgen::native {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class PackedFileTest : public ::testing::Test {
 protected:
  PackedFileTest()
      : path_(folder_.path() / "packed-int8.bin"),
        key_{std::string(64, 'b'), model_.config, Precision::kInt8, base::SecretKey{7}} {
    built_ = build();
  }

  std::unique_ptr<PackedWeights> build() {
    return PackedWeights::build(
        path_, key_, [&](std::byte* block, const auto&) { fill(block); }, why_);
  }
  void fill(std::byte* block) {
    base::ThreadPool pool(1);
    pack(model_.config, Precision::kInt8, model_.reader(), model_.probe(), choose_kernels(), pool,
         block, {});
  }
  std::string reason_against(const PackedKey& key) {
    std::string why;
    EXPECT_EQ(PackedWeights::open(path_, key, why), nullptr);
    return why;
  }
  void flip(std::streamoff place) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const char byte = static_cast<char>(file.get() ^ 4);
    file.seekp(place);
    file.put(byte);
  }

  TinyModel model_;
  TemporaryFolder folder_;
  fs::path path_;
  PackedKey key_;
  std::string why_;
  std::unique_ptr<PackedWeights> built_;
};

TEST_F(PackedFileTest, OpensWhatItBuilt) {
  EXPECT_EQ(why_, "");
  const auto opened = PackedWeights::open(path_, key_, why_);
  ASSERT_NE(opened, nullptr) << why_;
  const Matrix& a = built_->model().layers[2].mlp_proj;
  const Matrix& b = opened->model().layers[2].mlp_proj;
  EXPECT_EQ(a.q_max, b.q_max);
  EXPECT_EQ(std::memcmp(a.weights, b.weights, 160 * 48), 0);
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path(), path_) << "something else was left";
  }
}

TEST_F(PackedFileTest, EveryFlippedPartIsNoticed) {
  const auto size = static_cast<std::streamoff>(fs::file_size(path_));
  for (const std::streamoff place :
       {std::streamoff{0}, std::streamoff{9}, std::streamoff{20}, std::streamoff{90},
        std::streamoff{4096}, size / 2, size - 1}) {
    flip(place);
    EXPECT_NE(reason_against(key_), "") << place;
    flip(place);
  }
  EXPECT_NE(PackedWeights::open(path_, key_, why_), nullptr);
}

TEST_F(PackedFileTest, ATruncatedOrEmptyFileIsNoticed) {
  fs::resize_file(path_, fs::file_size(path_) - 1);
  EXPECT_THAT(reason_against(key_), HasSubstr("truncated"));
  fs::resize_file(path_, 100);
  EXPECT_THAT(reason_against(key_), HasSubstr("truncated"));
  fs::resize_file(path_, 0);
  EXPECT_NE(reason_against(key_), "");
}

TEST_F(PackedFileTest, AnotherModelPrecisionOrShapeIsNoticed) {
  PackedKey other = key_;
  other.sha256 = std::string(64, 'c');
  EXPECT_THAT(reason_against(other), HasSubstr("another model"));
  other = key_;
  other.precision = Precision::kBFloat16;
  EXPECT_THAT(reason_against(other), HasSubstr("another model"));
  other = key_;
  other.config.layer_norm_epsilon = 1e-6;
  EXPECT_THAT(reason_against(other), HasSubstr("another model"));
}

TEST_F(PackedFileTest, AFileSealedWithAnotherKeyIsNotUsed) {
  PackedKey other = key_;
  other.secret = base::SecretKey{8};
  EXPECT_THAT(reason_against(other), HasSubstr("this user did not make it"));
  other.secret = kInstalledSecret;
  EXPECT_THAT(reason_against(other), HasSubstr("this user did not make it"));
}

TEST_F(PackedFileTest, WithoutAKeyNothingIsReadOrKept) {
  PackedKey other = key_;
  other.secret.reset();
  EXPECT_THAT(reason_against(other), HasSubstr("no key"));
  fs::remove(path_);
  key_ = other;
  EXPECT_NE(build(), nullptr);
  EXPECT_THAT(why_, HasSubstr("no key"));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(PackedFileTest, AFileThatOthersMayWriteIsNotUsed) {
  fs::permissions(path_, fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(reason_against(key_), HasSubstr("others may write it"));
}

TEST_F(PackedFileTest, AnotherUsersFileIsNotUsed) {
  if (::geteuid() != 0 || ::chown(path_.c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_THAT(reason_against(key_), HasSubstr("another user"));
}

TEST_F(PackedFileTest, ALinkIsNotFollowed) {
  fs::rename(path_, folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", path_);
  EXPECT_NE(reason_against(key_), "");
}

TEST_F(PackedFileTest, AMissingFileIsNoReasonToComplain) {
  fs::remove(path_);
  EXPECT_EQ(reason_against(key_), "");
}

TEST_F(PackedFileTest, WithoutAPlaceItRunsFromMemoryAndSaysWhy) {
  path_ = folder_.path() / "missing" / "packed.bin";
  const auto built = build();
  ASSERT_NE(built, nullptr);
  EXPECT_THAT(why_, HasSubstr("cannot be written"));
  EXPECT_EQ(built->model().layers.size(), 3U);
}

TEST_F(PackedFileTest, AFailureWhilePackingLeavesNothingBehind) {
  fs::remove(path_);
  EXPECT_THROW(
      PackedWeights::build(
          path_, key_, [](std::byte*, const auto&) { throw std::runtime_error("no"); }, why_),
      std::runtime_error);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

}  // namespace
}  // namespace medgen::native
