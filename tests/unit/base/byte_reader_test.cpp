// Where bytes come from: files, compressed or not, descriptors, and the byte order mark.
#include "base/byte_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/files.h"
#include "temporary_folder.h"
#include "unit/base/blocks.h"

namespace medgen::base {
namespace {

using ::testing::HasSubstr;

std::string all_of(const Blocks& blocks) {
  std::string all;
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) all += block;
  return all;
}

TEST(BlocksTest, CompressedFilesGiveTheSameBytes) {
  const TemporaryFolder folder;
  std::string text;
  while (text.size() < 1'000'000) text += "line " + std::to_string(text.size() % 977) + "\n";
  std::string zst(ZSTD_compressBound(text.size()), '\0');
  zst.resize(ZSTD_compress(zst.data(), zst.size(), text.data(), text.size(), 1));
  const auto gz = folder / "a.txt.gz";
  gzFile file = gzopen(gz.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  EXPECT_EQ(all_of(file_blocks(folder.write("a.txt", text))), text);
  const auto whole = folder.write("a.txt.zst", zst);
  EXPECT_EQ(all_of(file_blocks(whole)), text);
  EXPECT_EQ(all_of(plain_file_blocks(whole)), zst);
  EXPECT_EQ(all_of(file_blocks(gz)), text);
  const auto torn = folder.write("b.txt.zst", zst.substr(0, zst.size() - 3));
  EXPECT_THROW(all_of(file_blocks(torn)), Error);
}

TEST(BlocksTest, ZerosBehindGzipsMembersArePadding) {
  const TemporaryFolder folder;
  const auto gz = folder / "a.gz";
  gzFile file = gzopen(gz.c_str(), "wb");
  gzputs(file, "a text\n");
  gzclose(file);
  const std::string member = read_file(gz, 1000);
  const auto text_of = [&](const std::string& bytes) {
    return all_of(file_blocks(folder.write("b.gz", bytes)));
  };
  EXPECT_EQ(text_of(member + std::string(100'000, '\0')), "a text\n");
  EXPECT_EQ(text_of(member + member + std::string(1, '\0')), "a text\na text\n");
  EXPECT_EQ(text_of(member + std::string(512, '\0') + member), "a text\na text\n");
  EXPECT_THROW(text_of(std::string(10, '\0') + member), Error);
  EXPECT_THROW(text_of(member + std::string(10, '\0') + "x"), Error);
}

TEST(BlocksTest, WhatCannotBeReadIsNamedWithTheCodeAskedFor) {
  const TemporaryFolder folder;
  try {
    file_blocks(folder / "missing.gz", ErrorCode::kUsage);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("missing.gz"));
  }
  const int written_only = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  try {
    all_of(descriptor_blocks(written_only, "standard input"));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRuntime);
    EXPECT_THAT(error.what(), HasSubstr("cannot read standard input: "));
  }
  ::close(written_only);
}

TEST(BlocksTest, ADescriptorIsReadToItsEndOrUntilItIsStopped) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "abc", 3), 3);
  std::atomic<bool> stop = false;
  const Blocks blocks = descriptor_blocks(ends[0], "it", ErrorCode::kRuntime, &stop);
  EXPECT_EQ(blocks(), "abc");
  stop = true;
  EXPECT_EQ(blocks(), "");  // the pipe is still open
  stop = false;
  ::close(ends[1]);
  EXPECT_EQ(blocks(), "");
  ::close(ends[0]);
}

TEST(BlocksTest, OnlyTheFirstByteOrderMarkGoes) {
  const std::string mark = "\xEF\xBB\xBF";
  for (const std::size_t size : {1, 2, 3, 4, 100}) {
    const auto without = [&](const std::string& text) {
      return all_of(without_byte_order_mark(text_blocks(text, size)));
    };
    EXPECT_EQ(without(mark + "x\n" + mark + "y"), "x\n" + mark + "y");
    EXPECT_EQ(without("plain text"), "plain text");
    EXPECT_EQ(without(mark), "");
    EXPECT_EQ(without("\xEF\xBB"), "\xEF\xBB");
    EXPECT_EQ(without(""), "");
  }
}

}  // namespace
}  // namespace medgen::base
