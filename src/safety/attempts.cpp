// Where a process may be started, the attempts that would change this one are made in a new one.
#include "safety/attempts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace medgen::safety {
namespace {

constexpr const char* kProgram = "/bin/sh";

int close_or_error(int descriptor) {
  if (descriptor < 0) return errno;
  ::close(descriptor);
  return 0;
}

int open_socket() { return close_or_error(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// The error that `act` ended with, in a process of its own; -1 where none can be started.
template <class Act>
int in_new_process(Act act) {
  const pid_t child = ::fork();
  if (child < 0) return -1;
  if (child == 0) ::_exit(act());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

int start_process() {
  const int error = in_new_process([] { return 0; });
  return error < 0 ? errno : error;
}

int execute() {
  const int error = in_new_process([] {
    ::execl(kProgram, "sh", "-c", ":", nullptr);
    return errno;
  });
  if (error >= 0) return error;
  // Arguments that no process can have: the kernel looks at them after it has allowed the call.
  ::syscall(SYS_execve, kProgram, 1, 0);
  return errno == EFAULT ? 0 : errno;
}

int trace() {
  const int error =
      in_new_process([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : errno; });
  if (error >= 0) return error;
  // ESRCH: the call came through, and this process is not one that it traces.
  errno = 0;
  ::ptrace(PTRACE_PEEKDATA, ::getpid(), nullptr, nullptr);
  return errno == ESRCH ? 0 : errno;
}

std::filesystem::path home() {
  const char* variable = std::getenv("HOME");
  std::error_code ignored;
  const bool is_there = variable != nullptr && std::filesystem::is_directory(variable, ignored);
  return is_there ? variable : "/";
}

int list(const std::filesystem::path& folder) {
  return close_or_error(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int write_file_in(const std::filesystem::path& folder) {
  std::string name = (folder / "medgen-doctor-XXXXXX").string();
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor >= 0) ::unlink(name.c_str());
  return close_or_error(descriptor);
}

int make_code() {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const page =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  const int error = ::mprotect(page, size, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
  ::munmap(page, size);
  return error;
}

std::filesystem::path temporary_folder() {
  const char* variable = std::getenv("TMPDIR");
  return variable != nullptr && *variable == '/' ? variable : "/tmp";
}

}  // namespace

std::vector<Attempt> try_what_is_forbidden() {
  const std::filesystem::path keys = home() / ".ssh";
  std::error_code ignored;
  const bool has_keys = std::filesystem::is_directory(keys, ignored);
  return {
      {"open a socket", Keeper::kSystemCalls, open_socket()},
      {"start a process", Keeper::kSystemCalls, start_process()},
      {"execute a program", Keeper::kEither, execute()},
      {"trace a process", Keeper::kSystemCalls, trace()},
      {has_keys ? "read ~/.ssh" : "read the home folder", Keeper::kFiles,
       list(has_keys ? keys : home())},
      {"make memory executable", Keeper::kCode, make_code()},
      {"write a temporary file", Keeper::kFiles, write_file_in(temporary_folder())},
  };
}

bool was_denied(const Attempt& attempt) {
  return attempt.error == EPERM || attempt.error == EACCES;
}

}  // namespace medgen::safety
