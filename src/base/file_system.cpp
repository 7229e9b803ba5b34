// See the header.
#include "base/file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

namespace medgen::base {
namespace {

std::atomic<FileSystem*> replacement{nullptr};

}  // namespace

int FileSystem::open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
ssize_t FileSystem::write(int descriptor, const void* bytes, std::size_t size) {
  return ::write(descriptor, bytes, size);
}
int FileSystem::fsync(int descriptor) { return ::fsync(descriptor); }
int FileSystem::fdatasync(int descriptor) { return ::fdatasync(descriptor); }
int FileSystem::ftruncate(int descriptor, off_t size) { return ::ftruncate(descriptor, size); }
int FileSystem::rename(const char* from, const char* to) { return ::rename(from, to); }
int FileSystem::unlink(const char* path) { return ::unlink(path); }

FileSystem& file_system() {
  static FileSystem of_the_system;
  FileSystem* const other = replacement;
  return other != nullptr ? *other : of_the_system;
}

void replace_file_system(FileSystem* other) { replacement = other; }

}  // namespace medgen::base
