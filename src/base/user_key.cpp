#include "base/user_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/descriptor.h"
#include "base/new_file.h"
#include "base/random.h"
#include "base/user_folder.h"
#include "base/write_all.h"
#include "base/write_failure.h"

namespace medgen::base {
namespace {

namespace fs = std::filesystem;

fs::path key_path() {
  const fs::path folder = user_folder(UserFolder::kConfig);
  return folder.empty() ? fs::path() : folder / "key";
}

// Complete under its name at once, and never replaced: of two processes the first one's key stays.
// Returns an errno, or 0.
int make_key(const fs::path& path) {
  SecretKey key{};
  fill_randomly(key);
  fs::path aside;
  const Descriptor file(make_sibling_file(path, aside, O_WRONLY));
  if (file.get() < 0) return errno;
  const std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
  int error = ::fchmod(file.get(), 0600) != 0 ? errno : write_all(file.get(), bytes);
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  if (error == 0 &&
      ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    error = errno;
  }
  if (error != 0) ::unlink(aside.c_str());
  return error == EEXIST ? 0 : error;
}

std::optional<SecretKey> read_key(int fd, std::string& why) {
  struct stat status {};
  SecretKey key{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    why = "it is not a file";
  } else if (status.st_uid != ::geteuid()) {
    why = "it belongs to another user";
  } else if ((status.st_mode & 0077) != 0) {
    why = "others may read it: remove it, or take their rights away (chmod 600)";
  } else if (status.st_size != static_cast<off_t>(key.size()) ||
             ::read(fd, key.data(), key.size()) != static_cast<ssize_t>(key.size())) {
    why = "it is damaged: remove it, and a new one is made";
  } else {
    return key;
  }
  return std::nullopt;
}

}  // namespace

std::optional<SecretKey> user_key(std::string& why) {
  why.clear();
  const fs::path path = key_path();
  if (path.empty()) {
    why = "there is no folder for this user's key: HOME is not set";
    return std::nullopt;
  }
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  int fd = ::open(path.c_str(), kFlags);
  if (fd < 0 && errno == ENOENT) {
    if (const int error = make_key(path)) {
      why = "this user's key " + path.string() + " cannot be made: " + write_failure(error);
      return std::nullopt;
    }
    fd = ::open(path.c_str(), kFlags);
  }
  std::optional<SecretKey> key;
  if (fd < 0) {
    why = std::generic_category().message(errno);
  } else {
    key = read_key(fd, why);
    ::close(fd);
  }
  if (!key) why = "this user's key " + path.string() + " cannot be used: " + why;
  return key;
}

}  // namespace medgen::base
