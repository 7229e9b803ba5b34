// What the sandbox leaves possible and what not, tried in processes of their own: it cannot be
// left again. Knows nothing of commands.
#include "safety/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "safety/attempts.h"
#include "safety/system_calls.h"
#include "temporary_folder.h"

namespace medgen::safety {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kNewest = 7;

// Whether `holds` does in a process of its own.
bool in_child(const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(holds() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// 0, or why it failed.
int error_of(long result) { return result < 0 ? errno : 0; }

int open_error(const fs::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  ::close(descriptor);
  return 0;
}

TEST(LandlockTest, EachVersionKnowsTheRightsOfTheOnesBefore) {
  EXPECT_EQ(known_file_rights(0), 0U);
  EXPECT_EQ(known_file_rights(1), (1U << 13) - 1);
  EXPECT_EQ(known_file_rights(2), (1U << 14) - 1);
  EXPECT_EQ(known_file_rights(4), (1U << 15) - 1);
  for (const int version : {5, 6, kNewest, 99}) {
    EXPECT_EQ(known_file_rights(version), (1U << 16) - 1) << version;
  }
}

TEST(LandlockTest, NoUseAsksForMoreThanAVersionKnowsAndNoneToExecute) {
  for (int version = 0; version <= kNewest; ++version) {
    for (const Use use : {Use::kRead, Use::kPut, Use::kWork, Use::kDevice}) {
      for (const bool folder : {false, true}) {
        const std::uint64_t rights = file_rights(use, folder, version);
        EXPECT_EQ(rights & ~known_file_rights(version), 0U) << version;
        EXPECT_EQ(rights & 1U, 0U) << version;
        EXPECT_EQ(rights != 0, version > 0) << version;
      }
    }
  }
}

TEST(LandlockTest, WhereFilesArePutTheyCannotBeRead) {
  constexpr std::uint64_t kReadFile = 1U << 2;
  EXPECT_EQ(file_rights(Use::kPut, true, kNewest) & kReadFile, 0U);
  EXPECT_NE(file_rights(Use::kWork, true, kNewest) & kReadFile, 0U);
}

TEST(LandlockTest, SaysWhatAVersionLacks) {
  EXPECT_THAT(missing_from_landlock(0), SizeIs(1));
  EXPECT_THAT(missing_from_landlock(1), SizeIs(4));
  EXPECT_THAT(missing_from_landlock(3), SizeIs(3));
  EXPECT_THAT(missing_from_landlock(6), IsEmpty());
}

// Three folders with a file each.
class ConfinedFilesTest : public ::testing::Test {
 protected:
  ConfinedFilesTest() {
    for (const char* name : {"in", "out", "secret"}) {
      fs::create_directories(root_.path() / name);
      std::ofstream(root_.path() / name / "file") << "x";
    }
    fs::create_directories(root_.path() / "out" / "below");
  }
  fs::path in(const char* name) const { return root_.path() / name; }
  fs::path file(const char* name) const { return in(name) / "file"; }

  std::vector<Rule> rules() const {
    return {{in("in"), Use::kRead},
            {in("out"), Use::kPut},
            {in("no such folder"), Use::kWork},
            {file("in"), Use::kRead}};
  }

  bool all_is_possible() const {
    return open_error(file("in"), O_RDONLY) == 0 && open_error(file("secret"), O_RDONLY) == 0 &&
           open_error(file("secret"), O_WRONLY) == 0 &&
           open_error(in("secret") / "new", O_WRONLY | O_CREAT) == 0 &&
           open_error(file("out"), O_RDONLY) == 0;
  }
  bool only_the_named_is_possible() const {
    return open_error(file("in"), O_RDONLY) == 0 && open_error(file("in"), O_WRONLY) == EACCES &&
           open_error(in("in") / "new", O_WRONLY | O_CREAT) == EACCES &&
           open_error(in("out") / "new", O_WRONLY | O_CREAT | O_TRUNC) == 0 &&
           ::rename((in("out") / "new").c_str(), file("out").c_str()) == 0 &&
           open_error(file("out"), O_RDONLY) == EACCES &&
           error_of(::rename(file("out").c_str(), (in("secret") / "x").c_str())) != 0 &&
           open_error(file("secret"), O_RDONLY) == EACCES &&
           open_error(in("secret"), O_RDONLY | O_DIRECTORY) == EACCES &&
           error_of(::unlink(file("secret").c_str())) == EACCES &&
           error_of(::execl("/bin/sh", "sh", "-c", "exit 0", nullptr)) == EACCES;
  }

 private:
  TemporaryFolder root_;
};

TEST_F(ConfinedFilesTest, EveryVersionLeavesOnlyTheNamedPlaces) {
  const int newest = landlock_version();
  if (newest == 0) GTEST_SKIP() << "this kernel has no Landlock: its rules on files are not tried";
  for (int version = 1; version <= newest; ++version) {
    EXPECT_TRUE(in_child([&] {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      return restrict_by_landlock(rules(), true, version).empty() && only_the_named_is_possible();
    })) << "version "
        << version;
  }
}

TEST_F(ConfinedFilesTest, WithoutRulesAllIsPossible) {
  EXPECT_TRUE(in_child([&] { return all_is_possible(); }));
  EXPECT_FALSE(in_child([&] { return only_the_named_is_possible(); }));
}

TEST_F(ConfinedFilesTest, WithAGraphicsCardFilesStayOpenAndProgramsClosed) {
  const int version = landlock_version();
  if (version == 0) GTEST_SKIP() << "this kernel has no Landlock: executing is not tried";
  EXPECT_TRUE(in_child([&] {
    const Sandbox sandbox = enter_sandbox({.rules = {}, .graphics_card = true});
    return sandbox.landlock == version && !sandbox.files && !sandbox.system_calls &&
           !sandbox.missing.empty() && all_is_possible() &&
           error_of(::execl("/bin/sh", "sh", "-c", "exit 0", nullptr)) == EACCES;
  }));
}

bool system_calls_are_restricted() {
  ::winsize size{};
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return false;
  bool ran = false;
  std::thread([&] { ran = true; }).join();
  const bool denied =
      error_of(::socket(AF_UNIX, SOCK_STREAM, 0)) == EPERM && error_of(::fork()) == EPERM &&
      error_of(::execl("/bin/sh", "sh", "-c", "exit 0", nullptr)) == EPERM &&
      error_of(::kill(::getppid(), 0)) == EPERM &&
      error_of(::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0)) == EPERM &&
      error_of(::ioctl(pipe[0], TIOCSTI, "x")) == EPERM &&
      error_of(::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0)) == EPERM &&
      error_of(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)) == EPERM &&
      error_of(::syscall(SYS_bpf, 0, nullptr, 0)) == EPERM &&
      error_of(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)) == EPERM &&
      error_of(::syscall(SYS_userfaultfd, 0)) == EPERM &&
      error_of(::syscall(SYS_unshare, 0)) == EPERM &&
      error_of(::syscall(425 /* io_uring_setup */, 1, nullptr)) == EPERM &&
      error_of(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) == EPERM &&
      error_of(::syscall(SYS_clone3, nullptr, 0)) == ENOSYS;
  return ran && denied && ::raise(0) == 0 && ::ioctl(pipe[0], TIOCGWINSZ, &size) < 0 &&
         errno == ENOTTY;
}

TEST(SystemCallsTest, ThreadsStayAndProcessesSocketsAndTracingGo) {
  EXPECT_TRUE(in_child([] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return restrict_system_calls().empty() && system_calls_are_restricted();
  }));
  EXPECT_FALSE(in_child([] { return error_of(::socket(AF_UNIX, SOCK_STREAM, 0)) == EPERM; }));
}

TEST(SandboxTest, OnlyASessionChangesATerminalsModes) {
  for (const bool session : {false, true}) {
    EXPECT_TRUE(in_child([&] {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      int pipe[2];
      termios modes{};
      if (::pipe(pipe) != 0 || !restrict_system_calls(session).empty()) return false;
      const int wanted = session ? ENOTTY : EPERM;
      return error_of(::ioctl(pipe[0], TCSETS, &modes)) == wanted &&
             error_of(::ioctl(pipe[0], TCSETSW, &modes)) == wanted &&
             error_of(::ioctl(pipe[0], TCSETSF, &modes)) == wanted &&
             error_of(::ioctl(pipe[0], TIOCSTI, "x")) == EPERM &&
             error_of(::socket(AF_UNIX, SOCK_STREAM, 0)) == EPERM;
    })) << session;
  }
}

int code_error() {
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int error = error_of(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
  void* const mapped =
      ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return (mapped == MAP_FAILED) == (error != 0) ? error : -1;
}

TEST(SystemCallsTest, OnceAllIsLoadedNoCodeIsAddedAndNothingIsWritten) {
  const TemporaryFolder folder;
  const std::string file = folder / "file";
  std::ofstream(file) << "x";
  for (const Writes writes : {Writes::kAsBefore, Writes::kNothing}) {
    EXPECT_TRUE(in_child([&] {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      std::atomic<bool> finished{false};
      int of_thread = -1;
      if (!restrict_system_calls().empty()) return false;
      std::thread before([&] {  // a thread that is there already is bound too
        while (!finished) std::this_thread::yield();
        of_thread = code_error();
      });
      const bool possible = code_error() == 0;
      const bool done = forbid_new_code(writes).empty();
      finished = true;
      before.join();
      std::thread([&] { of_thread = of_thread == EPERM ? code_error() : -1; }).join();
      const int wanted = writes == Writes::kNothing ? EPERM : 0;
      return possible && done && code_error() == EPERM && of_thread == EPERM &&
             open_error(file, O_RDONLY) == 0 && open_error(file, O_WRONLY) == wanted &&
             open_error(file, O_RDWR) == wanted && open_error(file, O_RDONLY | O_TRUNC) == wanted &&
             open_error(file + "2", O_RDONLY | O_CREAT) == wanted &&
             error_of(::rename((file + "2").c_str(), (file + "3").c_str())) == wanted &&
             error_of(::unlink((file + "3").c_str())) == wanted && !forbid_new_code(writes).empty();
    })) << static_cast<int>(writes);
  }
}

TEST(SandboxTest, TheProcessCannotBeDumpedOrGainPrivileges) {
  EXPECT_TRUE(in_child([] {
    const Sandbox sandbox = enter_sandbox({});
    rlimit core{1, 1};
    return sandbox.process && ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
           ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  }));
}

int denied_attempts() {
  int count = 0;
  for (const Attempt& attempt : try_what_is_forbidden()) count += was_denied(attempt) ? 1 : 0;
  return count;
}

TEST(SandboxTest, EveryAttemptIsDeniedInside) {
  if (landlock_version() == 0) GTEST_SKIP() << "this kernel has no Landlock: files are not closed";
  EXPECT_TRUE(in_child([] {
    Sandbox sandbox = enter_sandbox({});
    finish_loading(sandbox, Writes::kAsBefore);
    return sandbox.code && denied_attempts() == 7;
  }));
}

TEST(SandboxTest, OutsideTheSameAttemptsSucceed) {
  EXPECT_FALSE(in_child([] { return denied_attempts() == 7; }));
}

}  // namespace
}  // namespace medgen::safety
