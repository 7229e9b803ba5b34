// A file system in which a chosen call goes wrong: the process is killed there, the power goes, or
// the call fails. Counts the calls of base::FileSystem from 1.
#pragma once

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/file_system.h"

namespace medgen::base {

enum class Fault {
  kKill,      // SIGKILL; a write is cut in half
  kPowerCut,  // the same, and what was not flushed is lost
  kFullDisk,  // that call alone fails with ENOSPC
};

class FaultyFileSystem : public FileSystem {
 public:
  FaultyFileSystem(Fault fault, int at) : fault_(fault), at_(at) {}

  // Whether the call was reached; only of a kFullDisk, the others end the process.
  bool struck() const { return calls_ >= at_; }

  int open(const char* path, int flags, mode_t mode) override {
    if (due()) return -1;
    const int descriptor = FileSystem::open(path, flags, mode);
    if (descriptor >= 0) flushed_[descriptor] = size_of(descriptor);
    return descriptor;
  }
  ssize_t write(int descriptor, const void* bytes, std::size_t size) override {
    if (calls_ + 1 == at_ && fault_ != Fault::kFullDisk) {
      (void)FileSystem::write(descriptor, bytes, size / 2);
    }
    return due() ? -1 : FileSystem::write(descriptor, bytes, size);
  }
  int fsync(int descriptor) override {
    if (due()) return -1;
    flushed_[descriptor] = size_of(descriptor);
    return FileSystem::fsync(descriptor);
  }
  int fdatasync(int descriptor) override {
    if (due()) return -1;
    flushed_[descriptor] = size_of(descriptor);
    return FileSystem::fdatasync(descriptor);
  }
  int ftruncate(int descriptor, off_t size) override {
    if (due()) return -1;
    flushed_[descriptor] = std::min(flushed_[descriptor], size);
    return FileSystem::ftruncate(descriptor, size);
  }
  int rename(const char* from, const char* to) override {
    return due() ? -1 : FileSystem::rename(from, to);
  }
  int unlink(const char* path) override { return due() ? -1 : FileSystem::unlink(path); }

 private:
  static off_t size_of(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 ? status.st_size : 0;
  }

  // Counts a call; true if it is to fail.
  bool due() {
    if (++calls_ != at_) return false;
    if (fault_ == Fault::kFullDisk) {
      errno = ENOSPC;
      return true;
    }
    if (fault_ == Fault::kPowerCut) {
      for (const auto& [descriptor, size] : flushed_) {
        // Fails for those that are closed by now: they were flushed before.
        if (size_of(descriptor) > size) (void)FileSystem::ftruncate(descriptor, size);
      }
    }
    ::kill(::getpid(), SIGKILL);
    while (true) ::pause();
  }

  const Fault fault_;
  const int at_;
  int calls_ = 0;
  std::map<int, off_t> flushed_;  // descriptor, size when last flushed
};

// Uses a file system while it lives.
class Replaced {
 public:
  explicit Replaced(FileSystem& other) { replace_file_system(&other); }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;
  ~Replaced() { replace_file_system(nullptr); }
};

}  // namespace medgen::base
