// flock() rather than a file of process numbers: the system releases it however a process ends.
#include "base/new_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>

#include "base/file_system.h"
#include "base/random.h"
#include "base/refuse.h"

namespace medgen::base {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".new-";

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Whether `name` is ".NAME.new-" and up to sixteen letters and digits.
bool is_sibling_name(const std::string& name) {
  const std::size_t mark = name.rfind(kMark);
  if (!name.starts_with('.') || mark == std::string::npos || mark < 2) return false;
  const std::string_view end = std::string_view(name).substr(mark + kMark.size());
  return !end.empty() && end.size() <= 16 &&
         std::all_of(end.begin(), end.end(),
                     [](unsigned char c) { return c < 128 && std::isalnum(c) != 0; });
}

std::string prefix_of(const fs::path& target) {
  std::string prefix = ".";
  prefix += target.filename().string();
  prefix += kMark;
  return prefix;
}

bool is_trusted(uid_t owner) { return owner == ::geteuid() || owner == 0; }

// Whether nobody holds the lock that a process has while it fills what it made.
bool is_abandoned(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || status.st_uid != ::geteuid()) return false;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return false;
  // The sandbox lets files in an output's folder be written but not read.
  const int access = S_ISREG(status.st_mode) ? O_WRONLY : O_RDONLY | O_DIRECTORY;
  const int fd = ::open(path.c_str(), access | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const bool abandoned = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  ::close(fd);
  return abandoned;
}

std::vector<fs::path> abandoned_in(const fs::path& folder,
                                   const std::function<bool(const std::string& name)>& matches) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (!matches(entries->path().filename().string())) continue;
    if (is_abandoned(entries->path())) found.push_back(entries->path());
  }
  return found;
}

// The leftovers of `target` among the siblings that its folder held when this process first wrote
// there: a folder may be large, and what it holds later is not a killed run's.
std::vector<fs::path> leftovers_at_start(const fs::path& target) {
  static std::mutex mutex;
  static std::map<fs::path, std::vector<fs::path>> siblings;
  const std::lock_guard lock(mutex);
  const auto [in_folder, first] = siblings.try_emplace(folder_of(target));
  if (first) in_folder->second = leftovers_in(in_folder->first);
  std::vector<fs::path> found;
  for (const fs::path& sibling : in_folder->second) {
    if (sibling.filename().string().starts_with(prefix_of(target)) && is_abandoned(sibling)) {
      found.push_back(sibling);
    }
  }
  return found;
}

[[noreturn]] void refuse_foreign(const fs::path& path, const fs::path& at,
                                 const std::string& what) {
  refuse("cannot write " + path.string() + ": " + (at == path ? "it" : at.string()) + " " + what +
         "; name another place");
}

}  // namespace

namespace {

// Where a path leads, link by link, and what was met on the way.
struct Way {
  fs::path at;
  struct stat status {};
  bool whole = false;      // it leads to something that is there
  bool everybody = false;  // everybody may write to the folder that it lies in
  bool planted = false;    // a folder on the way belongs to another user and lies in such a folder
};

// Throws Error(kUsage) for a link that another user made.
Way follow(const fs::path& path) {
  Way way;
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) return way;  // opening it will say why
  std::deque<fs::path> parts(absolute.begin(), absolute.end());
  for (int links = 0; !parts.empty() && links < 40;) {
    const fs::path next = parts.front().is_absolute() ? parts.front() : way.at / parts.front();
    parts.pop_front();
    if (::lstat(next.c_str(), &way.status) != 0) return way;
    if (!S_ISLNK(way.status.st_mode)) {
      way.at = next;
      if (!S_ISDIR(way.status.st_mode)) continue;
      way.planted = way.planted || (way.everybody && !is_trusted(way.status.st_uid));
      way.everybody = (way.status.st_mode & S_IWOTH) != 0;
      continue;
    }
    ++links;
    if (!is_trusted(way.status.st_uid)) {
      refuse_foreign(path, next, "is a link that another user made");
    }
    const fs::path to = fs::read_symlink(next, error);
    if (error) return way;
    parts.insert(parts.begin(), to.begin(), to.end());
  }
  way.whole = true;
  return way;
}

}  // namespace

void require_own_output(const fs::path& path) {
  const auto& [at, status, whole, everybody, planted] = follow(path);
  if (!whole || (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))) return;
  if (everybody && status.st_uid != ::geteuid()) {
    refuse_foreign(path, at, "belongs to another user, in a folder that everybody may write to");
  }
  if (planted && status.st_uid != ::geteuid()) {
    refuse_foreign(path, at, "belongs to another user, below a folder that everybody may write to");
  }
  if ((everybody || planted) && status.st_nlink > 1) {
    refuse_foreign(path, at,
                   "is a second name of another file, in a folder that everybody may write to");
  }
}

void require_own_folder(const fs::path& path) {
  if (const Way way = follow(path); way.planted) {
    refuse_foreign(path, way.at,
                   "belongs to another user, or lies below a folder of another user's, where "
                   "everybody may write");
  }
}

fs::path behind_links(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path found = fs::canonical(path, error);
  if (!error) return found;
  fs::path at = path;
  for (int links = 0; links < 40 && fs::is_symlink(at, error); ++links) {
    at = folder_of(at) / fs::read_symlink(at, error);
  }
  return at;
}

bool names_descriptor(const fs::path& path) {
  std::error_code error;
  fs::path at = fs::absolute(path, error);
  for (int links = 0; links < 40; ++links) {
    at = fs::weakly_canonical(folder_of(at), error) / at.filename();
    if (at.string().starts_with("/proc/")) return true;
    if (error || !fs::is_symlink(at, error)) return false;
    at = folder_of(at) / fs::read_symlink(at, error);
  }
  return false;
}

Opened open_to_write(const fs::path& path, int flags, int flags_if_new) {
  const bool descriptor = names_descriptor(path);
  const fs::path at = descriptor ? path : behind_links(path);
  if (!descriptor) flags |= O_NOFOLLOW;
  for (int tries = 0;; ++tries) {
    constexpr int kNew = O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = file_system().open(at.c_str(), flags_if_new | kNew, 0666);
    if (fd >= 0) return {fd, true};
    if (errno != EEXIST) return {};
    fd = file_system().open(at.c_str(), flags | O_CLOEXEC, 0);
    // It may have been removed in between.
    if (fd >= 0 || errno != ENOENT || tries == 3) return {fd, false};
  }
}

bool is_own_file(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         is_trusted(status.st_uid) && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool is_own_folder(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

fs::path random_sibling(const fs::path& target) {
  static constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 16> bytes{};
  fill_randomly(bytes);
  std::string name = prefix_of(target);
  for (const unsigned char byte : bytes) name += kLetters[byte % 32];
  return folder_of(target) / name;
}

std::vector<fs::path> leftovers_of(const fs::path& target) {
  const std::string prefix = prefix_of(target);
  return abandoned_in(folder_of(target), [&](const std::string& name) {
    return name.starts_with(prefix) && is_sibling_name(name);
  });
}

std::vector<fs::path> leftovers_in(const fs::path& folder) {
  return abandoned_in(folder, is_sibling_name);
}

int make_sibling(const fs::path& target, fs::path& sibling,
                 const std::function<int(const char* path)>& make) {
  for (const fs::path& leftover : leftovers_at_start(target)) {
    std::error_code ignored;  // what cannot be removed harms nothing
    fs::remove_all(leftover, ignored);
  }
  while (true) {
    sibling = random_sibling(target);
    const int fd = make(sibling.c_str());
    if (fd < 0) return -1;
    // A file system without locks: then nothing on it is ever taken for a leftover.
    (void)::flock(fd, LOCK_EX | LOCK_NB);
    // Another process may have taken it for a leftover before it was locked.
    struct stat status {};
    if (::lstat(sibling.c_str(), &status) == 0) return fd;
    ::close(fd);
  }
}

int make_sibling_file(const fs::path& target, fs::path& sibling, int access) {
  return make_sibling(target, sibling, [&](const char* path) {
    return file_system().open(path, access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  });
}

}  // namespace medgen::base
