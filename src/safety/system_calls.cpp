// A list of what is allowed rather than of what is not: a kernel may know calls that we do not.
#include "safety/system_calls.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace medgen::safety {
namespace {

constexpr int kAllowed[] = {
    // files; which of them, Landlock says
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(read),
    SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(stat), SCMP_SYS(fstat),
    SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(dup), SCMP_SYS(dup2),
    SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), SCMP_SYS(truncate), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64), SCMP_SYS(readahead), SCMP_SYS(copy_file_range), SCMP_SYS(sendfile),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(chmod), SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat), SCMP_SYS(umask), SCMP_SYS(utimensat),
    // waiting
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(pipe),
    SCMP_SYS(pipe2), SCMP_SYS(eventfd2), SCMP_SYS(pause), SCMP_SYS(restart_syscall),
    // memory
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
    SCMP_SYS(madvise), SCMP_SYS(msync), SCMP_SYS(mincore), SCMP_SYS(mlock), SCMP_SYS(munlock),
    SCMP_SYS(membarrier), SCMP_SYS(mbind), SCMP_SYS(get_mempolicy), SCMP_SYS(set_mempolicy),
    // threads
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min), SCMP_SYS(getcpu), SCMP_SYS(arch_prctl),
    // signals
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sigaltstack),
    // time, and what is asked about the system and oneself
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(getppid), SCMP_SYS(getpgrp), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(getrandom)};

// Reading what a terminal is; typing into it (TIOCSTI) is not among them.
constexpr unsigned kTerminalQuestions[] = {TCGETS, TIOCGWINSZ, FIONREAD};

// Between editing lines and leaving that to the terminal.
constexpr unsigned kTerminalModes[] = {TCSETS, TCSETSW, TCSETSF};

constexpr int kOfTheProcess[] = {PR_SET_NAME,         PR_GET_NAME,        PR_GET_DUMPABLE,
                                 PR_GET_NO_NEW_PRIVS, PR_GET_THP_DISABLE, PR_SET_VMA};

// Each call returns 0 or a negative error.
class Filter {
 public:
  // `otherwise` is for the calls that no rule names.
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise), seccomp_release) {
    if (!context_) error_ = -ENOMEM;
    // Without it kernels before 5.16 slow every computation of a filtered process.
    if (context_) seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_SSB, 1);
  }

  void add(std::uint32_t action, int call) {
    // Negative: this architecture has no such call.
    if (error_ == 0 && call >= 0) error_ = seccomp_rule_add(context_.get(), action, call, 0);
  }
  void allow(int call) { add(SCMP_ACT_ALLOW, call); }
  void allow(int call, const scmp_arg_cmp& argument) {
    if (error_ == 0 && call >= 0)
      error_ = seccomp_rule_add(context_.get(), SCMP_ACT_ALLOW, call, 1, argument);
  }
  void deny(int call) { add(SCMP_ACT_ERRNO(EPERM), call); }
  void deny(int call, const scmp_arg_cmp& argument) {
    if (error_ == 0 && call >= 0)
      error_ = seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(EPERM), call, 1, argument);
  }
  // Inside another filter, which lets no privileges be asked for, and for every thread.
  void go_inside() {
    if (error_ == 0) error_ = seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_NNP, 0);
    if (error_ == 0) error_ = seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  }
  // A stricter filter may be added later; nobody may listen to what it stops.
  void allow_filters() {
    if (error_ == 0) {
      error_ = seccomp_rule_add(
          context_.get(), SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 2,
          scmp_arg_cmp{0, SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER, 0},
          scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0});
    }
  }
  int load() { return error_ == 0 ? seccomp_load(context_.get()) : error_; }

 private:
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  int error_ = 0;
};

// Calls that change what lies in folders.
constexpr int kChangingFolders[] = {SCMP_SYS(rename),   SCMP_SYS(renameat), SCMP_SYS(renameat2),
                                    SCMP_SYS(unlink),   SCMP_SYS(unlinkat), SCMP_SYS(mkdir),
                                    SCMP_SYS(mkdirat),  SCMP_SYS(rmdir),    SCMP_SYS(chmod),
                                    SCMP_SYS(fchmodat), SCMP_SYS(truncate)};

scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void deny_writing(Filter& filter) {
  for (const auto& [call, flags] : {std::pair(SCMP_SYS(open), 1U), {SCMP_SYS(openat), 2U}}) {
    filter.deny(call, masked(flags, O_ACCMODE, O_WRONLY));
    filter.deny(call, masked(flags, O_ACCMODE, O_RDWR));
    filter.deny(call, masked(flags, O_CREAT, O_CREAT));
    filter.deny(call, masked(flags, O_TRUNC, O_TRUNC));
  }
  for (const int call : kChangingFolders) filter.deny(call);
}

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

}  // namespace

std::string restrict_system_calls(bool terminal) {
  Filter filter(SCMP_ACT_ERRNO(EPERM));
  for (const int call : kAllowed) filter.allow(call);
  filter.allow(SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD});
  // Its flags are out of a filter's sight; the C library then takes clone().
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  for (const unsigned question : kTerminalQuestions)
    filter.allow(SCMP_SYS(ioctl), equals(1, question));
  if (terminal) {
    for (const unsigned mode : kTerminalModes) filter.allow(SCMP_SYS(ioctl), equals(1, mode));
  }
  for (const int what : kOfTheProcess) filter.allow(SCMP_SYS(prctl), equals(0, what));
  // To itself: abort() and the limits of its stack.
  filter.allow(SCMP_SYS(tgkill), equals(0, static_cast<std::uint64_t>(::getpid())));
  filter.allow(SCMP_SYS(prlimit64), equals(0, 0));
  filter.allow_filters();
  const int error = filter.load();
  return error == 0 ? std::string() : std::system_category().message(-error);
}

std::string forbid_new_code(Writes writes) {
  Filter filter(SCMP_ACT_ALLOW);
  filter.go_inside();
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    filter.deny(call, masked(2, PROT_EXEC, PROT_EXEC));
  }
  if (writes == Writes::kNothing) deny_writing(filter);
  filter.deny(SCMP_SYS(seccomp));
  const int error = filter.load();
  return error == 0 ? std::string() : std::system_category().message(-error);
}

}  // namespace medgen::safety
