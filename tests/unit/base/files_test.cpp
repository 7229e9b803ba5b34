// Reading with limits; writing all or nothing.
#include "base/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/descriptor.h"
#include "base/write_failure.h"
#include "unit/bundle/support.h"

namespace medgen::base {
namespace {

namespace fs = std::filesystem;
using bundle_test::error_of;
using ::testing::HasSubstr;

TEST(ReadFileTest, ReturnsTheBytesUpToTheLimit) {
  const TemporaryFolder folder;
  const std::string content("a\0b\n", 4);
  write_file(folder / "x", content);
  EXPECT_EQ(read_file(folder / "x", 4), content);
  EXPECT_THAT(error_of([&] { read_file(folder / "x", 3); }, ErrorCode::kRuntime),
              HasSubstr("longer than the 3 bytes"));
}

TEST(ReadFileTest, RefusesFoldersMissingFilesAndEndlessDevices) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { read_file(folder.path(), 10); }, ErrorCode::kRuntime),
              HasSubstr("folder"));
  EXPECT_THAT(
      error_of([&] { read_file(folder / "none", 10, ErrorCode::kUsage); }, ErrorCode::kUsage),
      HasSubstr("No such file"));
  EXPECT_THAT(error_of([] { read_file("/dev/zero", 1'000'000); }, ErrorCode::kRuntime),
              HasSubstr("/dev/zero"));
}

TEST(ReadFileTest, RefusesTenGigabytesOfZerosWithoutReadingThem) {
  const TemporaryFolder folder;
  write_file(folder / "zeros", "");
  fs::resize_file(folder / "zeros", 10'000'000'000);  // sparse
  EXPECT_THAT(error_of([&] { read_file(folder / "zeros", 1 << 20); }, ErrorCode::kRuntime),
              HasSubstr("longer than"));
}

TEST(MappedFileTest, ShowsTheContentOfRegularFilesOnly) {
  const TemporaryFolder folder;
  write_file(folder / "x", "content");
  write_file(folder / "empty", "");
  MappedFile mapped(folder / "x");
  const MappedFile moved(std::move(mapped));
  EXPECT_EQ(moved.bytes(), "content");
  EXPECT_EQ(MappedFile(folder / "empty").bytes(), "");
  EXPECT_THAT(error_of([] { MappedFile("/dev/zero"); }, ErrorCode::kRuntime),
              HasSubstr("not a regular file"));
}

TEST(WriteFileTest, NamesAFullDisk) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  const std::string message =
      error_of([] { write_file("/dev/full", "some bytes"); }, ErrorCode::kRuntime);
  EXPECT_THAT(message, HasSubstr("/dev/full"));
  EXPECT_THAT(message, HasSubstr("No space left on device"));
  EXPECT_TRUE(fs::exists("/dev/full"));
}

TEST(WriteFileTest, ReplacesAtomicallyAndLeavesNothingBeside) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "x", "old");
  write_file_atomically(folder / "x", "new");
  EXPECT_EQ(read_file(folder / "x", 100), "new");
  EXPECT_EQ(folder.entries(), 1);
}

// "/dev/stdout" is a link: whoever writes to it does not mean to put a file in its place.
TEST(WriteFileTest, ReplacesTheFileThatALinkLeadsToAndKeepsTheLink) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "kept");
  fs::create_symlink("kept/file", folder / "link");
  for (const char* content : {"made", "replaced"}) {
    write_file_atomically(folder / "link", content);
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(read_file(folder / "kept/file", 100), content);
  }
  EXPECT_EQ(folder.entries(), 2);
}

TEST(WriteFileTest, AFileNamedByItsDescriptorIsRefusedAndKeptAndAPipeWrittenTo) {
  const TemporaryFolder folder;
  write_file(folder / "x", "old");
  const Descriptor file(::open((folder / "x").c_str(), O_WRONLY | O_APPEND));
  const fs::path name = fs::path("/dev/fd") / std::to_string(file.get());
  fs::create_symlink(name, folder / "link");
  for (const fs::path& at : {name, folder / "link"}) {
    EXPECT_THAT(error_of([&] { write_file_atomically(at, "new"); }, ErrorCode::kUsage),
                HasSubstr("name the file itself"));
  }
  EXPECT_EQ(read_file(folder / "x", 100), "old");
  EXPECT_EQ(folder.entries(), 2);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  write_file_atomically(fs::path("/dev/fd") / std::to_string(ends[1]), "new");
  char bytes[8];
  EXPECT_EQ(::read(ends[0], bytes, sizeof bytes), 3);
  for (const int end : ends) ::close(end);
}

TEST(WriteFileTest, KeepsTheOldContentWhenTheNewCannotBeWritten) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "x");  // rename of a file onto a folder fails
  error_of([&] { write_file_atomically(folder / "x", "new"); }, ErrorCode::kRuntime);
  EXPECT_TRUE(fs::is_directory(folder / "x"));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(WriteFailureTest, SaysWhatToDo) {
  EXPECT_EQ(write_failure(ENOSPC),
            "No space left on device; free some space or choose another place");
  EXPECT_EQ(write_failure(ENOENT), "No such file or directory; name a folder that exists");
  EXPECT_EQ(write_failure(EACCES), "Permission denied; choose a place that you may write to");
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { write_file_atomically(folder / "none/x", ""); }, ErrorCode::kRuntime),
              HasSubstr("none/x: No such file or directory; name a folder that exists"));
}

TEST(StagedFileTest, HasItsNameOnceItIsWhole) {
  const TemporaryFolder folder;
  {
    StagedFile file(folder / "x");
    file.write("some ");
    file.write("bytes");
    EXPECT_FALSE(fs::exists(folder / "x"));
    file.commit();
  }
  EXPECT_EQ(read_file(folder / "x", 100), "some bytes");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(StagedFileTest, WithoutACommitNothingIsLeft) {
  const TemporaryFolder folder;
  {
    StagedFile file(folder / "x");
    file.write("bytes");
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(StagedFileTest, WhatIsThereIsKeptWhereItIsNotToBeReplaced) {
  const TemporaryFolder folder;
  constexpr auto kRefuse = StagedFile::Existing::kRefuse;
  StagedFile late(folder / "x", kRefuse);
  write_file(folder / "x", "mine");
  EXPECT_THAT(error_of([&] { StagedFile(folder / "x", kRefuse); }, ErrorCode::kUsage),
              HasSubstr("it exists"));
  EXPECT_THAT(error_of([&] { late.commit(); }, ErrorCode::kUsage), HasSubstr("it exists"));
  EXPECT_EQ(read_file(folder / "x", 100), "mine");
}

TEST(WriteFileTest, WritesIntoAPipeInsteadOfReplacingIt) {
  const TemporaryFolder folder;
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  write_file_atomically(pipe, "new");
  char got[8] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 3);
  EXPECT_STREQ(got, "new");
  EXPECT_TRUE(fs::is_fifo(pipe));
  ::close(reader);
}

TEST(CopyFileTest, CopiesBytesAndRefusesFolders) {
  const TemporaryFolder folder;
  write_file(folder / "a", std::string(3'000'000, 'x'));
  copy_file_flushed(folder / "a", folder / "b");
  EXPECT_EQ(read_file(folder / "b", 4'000'000), std::string(3'000'000, 'x'));
  error_of([&] { copy_file_flushed(folder.path(), folder / "c", ErrorCode::kModel); });
  EXPECT_FALSE(fs::exists(folder / "c"));
}

TEST(StagedDirectoryTest, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  {
    StagedDirectory staged(folder / "out");
    write_file(staged.path() / "file", "content");
    EXPECT_FALSE(fs::exists(folder / "out"));
    staged.commit();
  }
  EXPECT_EQ(read_file(folder / "out/file", 100), "content");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(StagedDirectoryTest, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  {
    const StagedDirectory staged(folder / "out");
    write_file(staged.path() / "file", "content");
    EXPECT_EQ(folder.entries(), 1);
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(StagedDirectoryTest, RefusesWhatExistsUnlessToldToReplace) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "out/");
  write_file(folder / "out/old", "old");
  EXPECT_THAT(error_of([&] { StagedDirectory(folder / "out"); }, ErrorCode::kUsage),
              HasSubstr("exists already"));
  EXPECT_EQ(folder.entries(), 1);
  StagedDirectory staged(folder / "out/", StagedDirectory::Existing::kReplace);
  write_file(staged.path() / "new", "new");
  EXPECT_TRUE(fs::exists(folder / "out/old"));
  staged.commit();
  EXPECT_TRUE(fs::exists(folder / "out/new"));
  EXPECT_FALSE(fs::exists(folder / "out/old"));
  EXPECT_EQ(folder.entries(), 1);
}

TEST(StagedDirectoryTest, AcceptsAnEmptyFolderAndRefusesAFile) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "empty");
  StagedDirectory staged(folder / "empty");
  write_file(staged.path() / "new", "new");
  staged.commit();
  EXPECT_TRUE(fs::exists(folder / "empty/new"));
  write_file(folder / "file", "content");
  for (const auto existing :
       {StagedDirectory::Existing::kRefuse, StagedDirectory::Existing::kReplace}) {
    EXPECT_THAT(error_of([&] { StagedDirectory(folder / "file", existing); }, ErrorCode::kUsage),
                HasSubstr("not a folder"));
  }
}

TEST(StagedDirectoryTest, ReplacesTheFolderBehindALink) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "real");
  write_file(folder / "real/old", "old");
  fs::create_directory_symlink(folder / "real", folder / "link");
  StagedDirectory staged(folder / "link", StagedDirectory::Existing::kReplace);
  write_file(staged.path() / "new", "new");
  staged.commit();
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::exists(folder / "real/new"));
}

}  // namespace
}  // namespace medgen::base
