// See the header. POSIX calls rather than streams: they say why they failed, and can flush.
#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/file_system.h"
#include "base/new_file.h"
#include "base/write_all.h"
#include "base/write_failure.h"

namespace medgen::base {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) { return std::system_category().message(error); }

[[noreturn]] void fail(ErrorCode code, const std::string& what, const fs::path& path,
                       const std::string& why) {
  throw Error(code, "cannot " + what + " " + path.string() + ": " + why);
}

[[noreturn]] void fail_write(const fs::path& path, int error) {
  fail(ErrorCode::kRuntime, "write", path, write_failure(error));
}

struct stat checked_stat(const Descriptor& file, const fs::path& path, ErrorCode code) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail(code, "read", path, reason(errno));
  if (S_ISDIR(status.st_mode)) fail(code, "read", path, "it is a folder; a file is expected");
  if (S_ISBLK(status.st_mode)) fail(code, "read", path, "it is a device; a file is expected");
  return status;
}

[[noreturn]] void fail_too_large(ErrorCode code, const fs::path& path, std::uint64_t max_bytes) {
  fail(code, "read", path,
       fmt::format("it is longer than the {} bytes allowed for such a file", max_bytes));
}

Descriptor open_to_read(const fs::path& path, ErrorCode code) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(code, "read", path, reason(errno));
  return Descriptor(fd);
}

std::size_t read_some(const Descriptor& file, char* buffer, std::size_t size, const fs::path& path,
                      ErrorCode code) {
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      wait_for(file.get(), POLLIN);
    } else if (errno != EINTR) {
      fail(code, "read", path, reason(errno));
    }
  }
}

void put(const Descriptor& file, std::string_view content, const fs::path& path) {
  if (const int error = write_all(file.get(), content)) fail_write(path, error);
}

// EINVAL and ENOTSUP: a pipe, a device or a file system that cannot flush.
void flush(int descriptor, const fs::path& path) {
  if (file_system().fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail_write(path, errno);
}

void flush_path(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_write(path, errno);
  flush(Descriptor(fd).get(), path);
}

fs::path parent_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Calls `fill` with a new file and flushes it; leaves nothing behind if that throws.
template <typename Fill>
void write_new(const fs::path& path, Fill fill) {
  require_own_output(path);
  const Opened opened = open_to_write(path, O_WRONLY | O_TRUNC, O_WRONLY);
  if (opened.descriptor < 0) fail_write(path, errno);
  try {
    Descriptor file(opened.descriptor);
    fill(file);
    flush(file.get(), path);
    if (file.close() != 0) fail_write(path, errno);
  } catch (...) {
    if (opened.created) file_system().unlink(path.c_str());
    throw;
  }
}

}  // namespace

std::string read_file(const fs::path& path, std::uint64_t max_bytes, ErrorCode code) {
  const Descriptor file = open_to_read(path, code);
  const struct stat status = checked_stat(file, path, code);
  const auto size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  if (size > max_bytes) fail_too_large(code, path, max_bytes);
  std::string content;
  content.reserve(size);
  std::vector<char> buffer(1U << 16U);
  while (const std::size_t got = read_some(file, buffer.data(), buffer.size(), path, code)) {
    content.append(buffer.data(), got);
    if (content.size() > max_bytes) fail_too_large(code, path, max_bytes);
  }
  return content;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

MappedFile::MappedFile(const fs::path& path, ErrorCode code) {
  const Descriptor file = open_to_read(path, code);
  const struct stat status = checked_stat(file, path, code);
  if (!S_ISREG(status.st_mode)) fail(code, "read", path, "it is not a regular file");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) fail(code, "map", path, reason(errno));
  data_ = static_cast<const char*>(data);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

void MappedFile::forget() const {
  if (size_ > 0) ::madvise(const_cast<char*>(data_), size_, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

void write_file(const fs::path& path, std::string_view content) {
  write_new(path, [&](const Descriptor& file) { put(file, content, path); });
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    write_file(path, content);
    return;
  }
  StagedFile file(path);
  file.write(content);
  file.commit();
}

StagedFile::StagedFile(const fs::path& path, Existing existing) : path_(path), existing_(existing) {
  require_own_output(path);
  if (names_descriptor(path)) {
    fail(ErrorCode::kUsage, "replace", path,
         "it stands for something that is open already; name the file itself");
  }
  if (existing == Existing::kRefuse) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(path, error))) fail_exists();
  }
  target_ = behind_links(path);
  descriptor_ = make_sibling_file(target_, aside_, O_WRONLY);
  if (descriptor_ < 0) fail_write(path, errno);
}

StagedFile::~StagedFile() {
  if (!committed_) file_system().unlink(aside_.c_str());
  ::close(descriptor_);
}

void StagedFile::fail_exists() const {
  fail(ErrorCode::kUsage, "write", path_, "it exists; choose another name or remove it");
}

void StagedFile::write(std::string_view bytes) {
  if (const int error = write_all(descriptor_, bytes)) fail_write(path_, error);
}

void StagedFile::commit() {
  flush(descriptor_, path_);
  // Its lock is held until it has its name.
  if (existing_ == Existing::kReplace) {
    if (file_system().rename(aside_.c_str(), target_.c_str()) != 0) fail_write(path_, errno);
  } else if (::renameat2(AT_FDCWD, aside_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) !=
             0) {
    if (errno == EEXIST) fail_exists();
    fail_write(path_, errno);
  }
  committed_ = true;
  flush_path(parent_of(target_));
}

void copy_file_flushed(const fs::path& from, const fs::path& to, ErrorCode code) {
  const Descriptor source = open_to_read(from, code);
  if (!S_ISREG(checked_stat(source, from, code).st_mode)) {
    fail(code, "copy", from, "it is not a regular file");
  }
  write_new(to, [&](const Descriptor& file) {
    std::vector<char> buffer(1U << 20U);
    while (const std::size_t got = read_some(source, buffer.data(), buffer.size(), from, code)) {
      put(file, {buffer.data(), got}, to);
    }
  });
}

StagedDirectory::StagedDirectory(const fs::path& target, Existing existing) : existing_(existing) {
  std::error_code error;
  require_own_output(target);
  // A link is followed, so that the folder it names is what gets replaced.
  target_ = fs::weakly_canonical(target, error);
  if (error || target_.empty()) target_ = fs::absolute(target);
  if (!target_.has_filename()) target_ = target_.parent_path();  // "out/"
  const fs::file_status status = fs::status(target_, error);
  if (fs::exists(status)) {
    if (!fs::is_directory(status)) {
      fail(ErrorCode::kUsage, "write to", target,
           "it exists and is not a folder; choose another name");
    }
    if (existing == Existing::kRefuse && !fs::is_empty(target_, error)) {
      fail(ErrorCode::kUsage, "write to", target,
           "it exists already; remove it, choose another name or ask for it to be replaced");
    }
  }
  const fs::path parent = parent_of(target_);
  fs::create_directories(parent, error);
  if (error) fail(ErrorCode::kRuntime, "create", parent, write_failure(error.value()));
  lock_ = make_sibling(target_, staging_, [](const char* path) {
    return ::mkdir(path, 0777) == 0 ? ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  });
  if (lock_ < 0) fail(ErrorCode::kRuntime, "write in", parent, write_failure(errno));
}

StagedDirectory::~StagedDirectory() {
  ::close(lock_);
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

void StagedDirectory::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(staging_)) {
    if (entry.is_regular_file()) flush_path(entry.path());
  }
  flush_path(staging_);
  std::error_code error;
  const bool occupied = fs::is_directory(target_, error) && !fs::is_empty(target_, error);
  if (occupied && existing_ == Existing::kRefuse) fail_write(target_, EEXIST);
  if (occupied) {
    // One atomic step where kernel and file system support it: the folder never disappears.
    if (::renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
      const fs::path old = staging_.string() + "-old";
      if (::rename(target_.c_str(), old.c_str()) != 0) fail_write(target_, errno);
      if (::rename(staging_.c_str(), target_.c_str()) != 0) {
        const int failure = errno;
        if (::rename(old.c_str(), target_.c_str()) != 0) fail_write(old, errno);
        fail_write(target_, failure);
      }
      fs::rename(old, staging_, error);
    }
    fs::remove_all(staging_, error);
  } else if (::rename(staging_.c_str(), target_.c_str()) != 0) {
    fail_write(target_, errno);
  }
  committed_ = true;
  flush_path(parent_of(target_));
}

}  // namespace medgen::base
