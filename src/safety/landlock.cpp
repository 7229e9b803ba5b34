// The numbers are the kernel's, as Documentation/userspace-api/landlock.rst of Linux describes
// them.
#include "safety/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace medgen::safety {
namespace {

// The same on every architecture.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr unsigned kAskVersion = 1;
constexpr int kPathBeneath = 1;

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
constexpr std::uint64_t kExecute = bit(0);
constexpr std::uint64_t kWriteFile = bit(1);
constexpr std::uint64_t kReadFile = bit(2);
constexpr std::uint64_t kReadFolder = bit(3);
constexpr std::uint64_t kRemoveFolder = bit(4);
constexpr std::uint64_t kRemoveFile = bit(5);
constexpr std::uint64_t kMakeFolder = bit(7);
constexpr std::uint64_t kMakeFile = bit(8);
constexpr std::uint64_t kMove = bit(13);           // from one folder to another
constexpr std::uint64_t kTruncate = bit(14);       // version 3
constexpr std::uint64_t kDeviceControl = bit(15);  // version 5
constexpr std::uint64_t kOfAFile = kExecute | kWriteFile | kReadFile | kTruncate | kDeviceControl;

constexpr std::uint64_t kTcp = bit(0) | bit(1);      // bind and connect; version 4
constexpr std::uint64_t kOutside = bit(0) | bit(1);  // abstract sockets and signals; version 6

struct Ruleset {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};

struct __attribute__((packed)) PathBeneath {
  std::uint64_t rights;
  std::int32_t parent;
};

// An older kernel takes a longer structure as long as what it does not know is zero.
Ruleset ruleset_of(bool files, int version) {
  return {files ? known_file_rights(version) : kExecute, version >= 4 ? kTcp : 0,
          version >= 6 ? kOutside : 0};
}

std::string reason(const char* what) {
  return std::string(what) + ": " + std::system_category().message(errno);
}

// Closes what a system call opened.
class Handle {
 public:
  explicit Handle(long descriptor) : descriptor_(static_cast<int>(descriptor)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// False with errno if the kernel refused.
bool add(const Handle& ruleset, const Rule& rule, int version) {
  const Handle place(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (place.get() < 0 || ::fstat(place.get(), &status) != 0) return true;
  const PathBeneath beneath{file_rights(rule.use, S_ISDIR(status.st_mode), version), place.get()};
  if (::syscall(kAddRule, ruleset.get(), kPathBeneath, &beneath, 0) == 0) return true;
  return errno == EBADFD;  // a pipe: Landlock has no say in it
}

}  // namespace

int landlock_version() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

std::uint64_t known_file_rights(int version) {
  if (version < 1) return 0;
  std::uint64_t rights = bit(13) - 1;
  if (version >= 2) rights |= kMove;
  if (version >= 3) rights |= kTruncate;
  if (version >= 5) rights |= kDeviceControl;
  return rights;
}

std::uint64_t file_rights(Use use, bool is_folder, int version) {
  constexpr std::uint64_t kReading = kReadFile | kReadFolder;
  // A folder is opened to flush it.
  constexpr std::uint64_t kPutting = kWriteFile | kTruncate | kMakeFile | kRemoveFile | kReadFolder;
  std::uint64_t rights = 0;
  switch (use) {
    case Use::kRead:
      rights = kReading;
      break;
    case Use::kPut:
      rights = kPutting;
      break;
    case Use::kWork:
      rights = kReading | kPutting | kMakeFolder | kRemoveFolder | kMove;
      break;
    case Use::kDevice:
      rights = kReadFile | kWriteFile | kTruncate | kDeviceControl;
      break;
  }
  return rights & known_file_rights(version) & (is_folder ? ~std::uint64_t{0} : kOfAFile);
}

std::vector<std::string> missing_from_landlock(int version) {
  if (version < 1) return {"Landlock: rules on files (Linux 5.13, and landlock in its list lsm=)"};
  std::vector<std::string> missing;
  if (version < 3) missing.emplace_back("Landlock: truncating files (Linux 6.2)");
  if (version < 4) missing.emplace_back("Landlock: TCP (Linux 6.7)");
  if (version < 5) missing.emplace_back("Landlock: control of devices (Linux 6.10)");
  if (version < 6) missing.emplace_back("Landlock: signals and abstract sockets (Linux 6.12)");
  return missing;
}

std::string restrict_by_landlock(const std::vector<Rule>& rules, bool files, int version) {
  const Ruleset wanted = ruleset_of(files, version);
  const Handle ruleset(::syscall(kCreateRuleset, &wanted, sizeof wanted, 0));
  if (ruleset.get() < 0) return reason("no ruleset can be made");
  for (const Rule& rule : rules) {
    if (files && !add(ruleset, rule, version)) return reason("a rule was refused");
  }
  if (::syscall(kRestrictSelf, ruleset.get(), 0) != 0) return reason("it cannot be entered");
  return {};
}

}  // namespace medgen::safety
