// The system calls through which files are written. Tests put others in their place, which fail or
// end the process where they choose (as leveldb's Env does).
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace medgen::base {

// Each call is the system's of that name: the same arguments, result and errno.
class FileSystem {
 public:
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual int open(const char* path, int flags, mode_t mode);
  virtual ssize_t write(int descriptor, const void* bytes, std::size_t size);
  virtual int fsync(int descriptor);
  virtual int fdatasync(int descriptor);
  virtual int ftruncate(int descriptor, off_t size);
  virtual int rename(const char* from, const char* to);
  virtual int unlink(const char* path);
};

FileSystem& file_system();

// For tests: `other` is used from now on, the system's own if it is null. Not while files are
// written.
void replace_file_system(FileSystem* other);

}  // namespace medgen::base
