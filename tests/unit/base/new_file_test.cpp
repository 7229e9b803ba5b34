// Files are made where nobody else chose the place, and what a killed run left is found.
#include "base/new_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen::base {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uid_t kSomebody = 12345;

std::string refusal(const fs::path& path) {
  try {
    require_own_output(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

// Gives a file, or a link itself, to another user; false if this process may not.
bool give_away(const fs::path& path) {
  return ::geteuid() == 0 && ::lchown(path.c_str(), kSomebody, kSomebody) == 0;
}

TEST(NewFileTest, OwnLinksAndMissingFilesAreFine) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  fs::create_symlink("file", folder / "link");
  fs::create_directory(folder / "real");
  fs::create_directory_symlink(folder / "real", folder / "linked");
  for (const char* name : {"file", "link", "missing", "linked/missing", "none/missing"}) {
    EXPECT_EQ(refusal(folder / name), "") << name;
  }
}

TEST(NewFileTest, ALinkOfAnotherUserIsRefusedWhereverItStandsInAPath) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "real");
  write_file(folder / "real/file", "x");
  fs::create_symlink(folder / "real/file", folder / "link");
  fs::create_directory_symlink("real", folder / "linked");
  fs::create_symlink("linked/file", folder / "by_way_of");
  if (!give_away(folder / "link") || !give_away(folder / "linked")) GTEST_SKIP() << "needs root";
  for (const char* name : {"link", "linked/file", "linked/missing", "by_way_of"}) {
    EXPECT_THAT(refusal(folder / name), HasSubstr("another user made")) << name;
  }
  EXPECT_THROW(write_file_atomically(folder / "link", "secret"), Error);
  EXPECT_THROW(write_file(folder / "link", "secret"), Error);
  EXPECT_EQ(read_file(folder / "real/file", 100), "x");
}

TEST(NewFileTest, AnotherUsersFileIsRefusedOnlyWhereAnybodyCouldHavePutIt) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  if (!give_away(folder / "file")) GTEST_SKIP() << "needs root";
  EXPECT_EQ(refusal(folder / "file"), "");
  ::chmod(folder.path().c_str(), 01777);
  EXPECT_THAT(refusal(folder / "file"), HasSubstr("belongs to another user"));
  write_file(folder / "mine", "x");
  EXPECT_EQ(refusal(folder / "mine"), "");
  fs::create_hard_link(folder / "mine", folder / "second");
  EXPECT_THAT(refusal(folder / "second"), HasSubstr("second name"));
}

TEST(NewFileTest, WhatAnotherUserPutIntoAFolderThatHeMadeWhereEverybodyMayIsRefused) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "theirs/deeper");
  write_file(folder / "theirs/file", "x");
  write_file(folder / "theirs/deeper/file", "x");
  ASSERT_EQ(::mkfifo((folder / "theirs/pipe").c_str(), 0600), 0);
  for (const char* name : {"theirs/file", "theirs/deeper/file", "theirs/pipe", "theirs"}) {
    if (!give_away(folder / name)) GTEST_SKIP() << "needs root";
  }
  // Companion: what a user has in a folder of his own is his choice.
  EXPECT_EQ(refusal(folder / "theirs/file"), "");
  ::chmod(folder.path().c_str(), 01777);
  for (const char* name : {"theirs/file", "theirs/deeper/file", "theirs/pipe"}) {
    EXPECT_THAT(refusal(folder / name), HasSubstr("below a folder that everybody may write to"))
        << name;
  }
  write_file(folder / "theirs/mine", "x");
  for (const char* name : {"theirs/mine", "theirs/missing"}) {
    EXPECT_EQ(refusal(folder / name), "") << name;
  }
}

TEST(NewFileTest, AFolderThatAnotherUserMadeWhereEverybodyMayIsNotWorkedIn) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "theirs/deeper");
  fs::create_directory(folder / "mine");
  if (!give_away(folder / "theirs")) GTEST_SKIP() << "needs root";
  const auto refused = [&](const char* name) {
    try {
      require_own_folder(folder / name);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("belongs to another user"));
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused("theirs")) << "nobody else could have put it there";
  ::chmod(folder.path().c_str(), 01777);
  for (const char* name : {"theirs", "theirs/deeper", "theirs/missing"}) {
    EXPECT_TRUE(refused(name)) << name;
  }
  for (const char* name : {"mine", "mine/missing", "missing"}) EXPECT_FALSE(refused(name)) << name;
}

TEST(NewFileTest, WhatIsMadeIsNewAndWhatIsThereIsOpened) {
  const TemporaryFolder folder;
  fs::create_symlink("ahead", folder / "link");
  for (const bool created : {true, false}) {
    const Opened opened = open_to_write(folder / "link", O_RDWR, O_WRONLY);
    ASSERT_GE(opened.descriptor, 0);
    EXPECT_EQ(opened.created, created);
    EXPECT_EQ(::fcntl(opened.descriptor, F_GETFL) & O_ACCMODE, created ? O_WRONLY : O_RDWR);
    ::close(opened.descriptor);
  }
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::is_regular_file(folder / "ahead"));
  EXPECT_EQ(open_to_write(folder / "none/file", O_RDWR, O_WRONLY).descriptor, -1);
  EXPECT_EQ(errno, ENOENT);
}

TEST(NewFileTest, NamesOfOpenDescriptorsAreKnown) {
  const TemporaryFolder folder;
  fs::create_symlink("/dev/stdout", folder / "link");
  write_file(folder / "file", "x");
  for (const char* name : {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    EXPECT_TRUE(names_descriptor(name)) << name;
  }
  EXPECT_TRUE(names_descriptor(folder / "link"));
  for (const char* name : {"file", "missing", "none/missing"}) {
    EXPECT_FALSE(names_descriptor(folder / name)) << name;
  }
  EXPECT_FALSE(names_descriptor("/dev/null"));
}

TEST(NewFileTest, APipeOfAnotherUserIsRefusedWhereAnybodyCouldHavePutIt) {
  const TemporaryFolder folder;
  for (const char* name : {"theirs", "mine"}) {
    ASSERT_EQ(::mkfifo((folder / name).c_str(), 0600), 0);
  }
  if (!give_away(folder / "theirs")) GTEST_SKIP() << "needs root";
  ::chmod(folder.path().c_str(), 01777);
  EXPECT_THAT(refusal(folder / "theirs"), HasSubstr("belongs to another user"));
  EXPECT_EQ(refusal(folder / "mine"), "");
}

TEST(NewFileTest, LinksLeadToWhatIsThereAndToWhatIsNotThereYet) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  fs::create_directory(folder / "deeper");
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("../link", folder / "deeper/again");
  fs::create_symlink("deeper/missing", folder / "ahead");
  const fs::path file = fs::canonical(folder / "file");
  EXPECT_EQ(behind_links(folder / "link"), file);
  EXPECT_EQ(behind_links(folder / "deeper/again"), file);
  EXPECT_EQ(behind_links(folder / "ahead"), folder / "deeper/missing");
  EXPECT_EQ(behind_links(folder / "file"), folder / "file");
  EXPECT_EQ(behind_links(folder / "missing"), folder / "missing");
}

TEST(NewFileTest, SiblingsHaveOtherNamesEveryTime) {
  const fs::path a = random_sibling("folder/name");
  const fs::path b = random_sibling("folder/name");
  EXPECT_NE(a, b);
  EXPECT_EQ(a.parent_path(), "folder");
  EXPECT_THAT(a.filename().string(), ::testing::MatchesRegex("\\.name\\.new-[a-z2-7]{16}"));
}

TEST(NewFileTest, AnAbandonedSiblingIsFoundAndALockedOneIsNot) {
  const TemporaryFolder folder;
  fs::path sibling;
  const int fd = make_sibling_file(folder / "out", sibling, O_WRONLY);
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(leftovers_of(folder / "out").empty()) << "it is being filled";
  ::close(fd);
  EXPECT_THAT(leftovers_of(folder / "out"), ::testing::ElementsAre(sibling));
  EXPECT_THAT(leftovers_in(folder.path()), ::testing::ElementsAre(sibling));
  EXPECT_TRUE(leftovers_of(folder / "other").empty());
}

TEST(NewFileTest, WhatAKilledRunLeftIsLookedForOnceInEachFolder) {
  const TemporaryFolder folder;
  const fs::path killed = folder / ".out.new-abc";
  write_file(killed, "x");
  write_file(folder / ".other.new-abc", "x");
  write_file_atomically(folder / "out", "x");
  EXPECT_FALSE(fs::exists(killed));
  EXPECT_TRUE(fs::exists(folder / ".other.new-abc")) << "of another output";
  const fs::path later = folder / ".out.new-def";
  write_file(later, "x");
  write_file_atomically(folder / "out", "x");
  EXPECT_TRUE(fs::exists(later)) << "the folder was looked through before";
  write_file_atomically(folder / "other", "x");
  EXPECT_FALSE(fs::exists(folder / ".other.new-abc"));
}

TEST(NewFileTest, WhatOnlyLooksLikeALeftoverIsNone) {
  const TemporaryFolder folder;
  for (const char* name :
       {"a.new-b", ".new-b", ".a.new-", ".a.new-b.txt", ".a.new-abcdefghijklmnopq"}) {
    write_file(folder / name, "x");
  }
  EXPECT_TRUE(leftovers_in(folder.path()).empty());
  write_file(folder / ".a.new-1234", "x");
  EXPECT_EQ(leftovers_in(folder.path()).size(), 1U);
}

TEST(NewFileTest, AStagedFolderThatAKilledRunLeftIsRemovedByTheNext) {
  const TemporaryFolder folder;
  fs::create_directory(folder / ".out.new-abcdef");
  write_file(folder / ".out.new-abcdef/text", "x");
  const StagedDirectory staged(folder / "out");
  EXPECT_FALSE(fs::exists(folder / ".out.new-abcdef"));
  EXPECT_TRUE(fs::exists(staged.path()));
  const StagedDirectory second(folder / "out");
  EXPECT_TRUE(fs::exists(staged.path())) << "another run fills it";
}

TEST(NewFileTest, ModesFollowTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0077);
  write_file(folder / "a", "x");
  write_file_atomically(folder / "b", "x");
  {
    StagedDirectory staged(folder / "c");
    write_file(staged.path() / "d", "x");
    staged.commit();
  }
  ::umask(before);
  for (const char* name : {"a", "b", "c", "c/d"}) {
    EXPECT_EQ(static_cast<int>(fs::status(folder / name).permissions()) & 077, 0) << name;
  }
}

TEST(NewFileTest, OwnFilesAreThoseThatNobodyElseMayWrite) {
  const TemporaryFolder folder;
  write_file(folder / "a", "x");
  EXPECT_TRUE(is_own_file(folder / "a"));
  fs::create_symlink("a", folder / "link");
  EXPECT_FALSE(is_own_file(folder / "link"));
  EXPECT_FALSE(is_own_file(folder / "missing"));
  ::chmod((folder / "a").c_str(), 0666);
  EXPECT_FALSE(is_own_file(folder / "a"));
}

TEST(NewFileTest, OwnFoldersAreThoseThatNobodyElseMayWrite) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "a");
  EXPECT_TRUE(is_own_folder(folder / "a"));
  fs::create_symlink("a", folder / "link");
  write_file(folder / "file", "x");
  for (const char* name : {"link", "file", "missing"}) {
    EXPECT_FALSE(is_own_folder(folder / name)) << name;
  }
  ::chmod((folder / "a").c_str(), 0777);
  EXPECT_FALSE(is_own_folder(folder / "a"));
}

}  // namespace
}  // namespace medgen::base
