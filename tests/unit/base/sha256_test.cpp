// Known answers of FIPS 180-2.
#include "base/sha256.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "unit/bundle/support.h"

namespace medgen::base {
namespace {

constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, GivesKnownAnswers) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), kOfAbc);
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, HashesFilesAndNoticesAChange) {
  const TemporaryFolder folder;
  write_file(folder / "a", "abc");
  EXPECT_EQ(sha256_of_file(folder / "a"), kOfAbc);
  write_file(folder / "a", "abd");
  EXPECT_NE(sha256_of_file(folder / "a"), kOfAbc);
  write_file(folder / "a", "");
  EXPECT_EQ(sha256_of_file(folder / "a"), sha256(""));
}

TEST(Sha256Test, NamesAFileThatCannotBeRead) {
  const std::string message = bundle_test::error_of(
      [] { sha256_of_file("/nowhere/model.pt", ErrorCode::kModel); }, ErrorCode::kModel);
  EXPECT_NE(message.find("/nowhere/model.pt"), std::string::npos) << message;
}

}  // namespace
}  // namespace medgen::base
