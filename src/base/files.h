// Whole files: read with a limit, mapped, and written so that nobody ever sees half of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "medgen/error.h"

namespace medgen::base {

// The whole content. Directories, block devices and anything longer than `max_bytes` (an endless
// device too) are refused. Throws Error(code) with the path and the reason.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes,
                      ErrorCode code = ErrorCode::kRuntime);

// Whether `path` is a regular file, or a link to one.
bool is_file(const std::filesystem::path& path);

// A regular file as read-only memory, for as long as the object lives.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path, ErrorCode code = ErrorCode::kRuntime);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return {data_, size_}; }

  // Lets pages that were read leave this process's memory; they are mapped again on access.
  void forget() const;

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Writes and flushes to the disk; on failure the file is removed if this call made it. Throws
// Error(kRuntime) naming the path and the reason ("No space left on device").
void write_file(const std::filesystem::path& path, std::string_view content);

// The same, but `path` holds either its old content or the new one, whatever happens in between.
// Anything but a regular file (a pipe, a device) is written to, never replaced. A file that is open
// already and named by its descriptor ("/dev/stdout") is refused with Error(kUsage): it can be
// neither replaced nor written to beside whoever else writes it.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// A file that appears under its name only when it is complete: a hidden sibling of it until
// commit(). Without a commit the destructor removes it. Every member throws Error(kRuntime) that
// names `path`.
class StagedFile {
 public:
  enum class Existing { kRefuse, kReplace };

  // Throws Error(kUsage) if there is something of that name and it is not to be replaced, or if the
  // name is that of an open descriptor ("/dev/stdout"). A link is followed, so that the file it
  // leads to is what gets replaced.
  explicit StagedFile(const std::filesystem::path& path, Existing existing = Existing::kReplace);
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;
  ~StagedFile();

  void write(std::string_view bytes);

  // Flushes and renames.
  void commit();

 private:
  [[noreturn]] void fail_exists() const;

  std::filesystem::path path_;    // as the user named it
  std::filesystem::path target_;  // behind links
  std::filesystem::path aside_;
  Existing existing_;
  int descriptor_ = -1;
  bool committed_ = false;
};

// Copies a regular file, with the same errors. `code` applies if the source cannot be read.
void copy_file_flushed(const std::filesystem::path& from, const std::filesystem::path& to,
                       ErrorCode code = ErrorCode::kRuntime);

// A folder that appears under its name only when it is complete: it is filled as a hidden sibling
// of `target` and renamed by commit(). Without a commit the destructor removes it.
class StagedDirectory {
 public:
  enum class Existing { kRefuse, kReplace };

  // Throws Error(kUsage) if `target` exists (an empty folder does not count) and is not to be
  // replaced, or is not a folder; Error(kRuntime) if the sibling cannot be made.
  explicit StagedDirectory(const std::filesystem::path& target,
                           Existing existing = Existing::kRefuse);
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;
  ~StagedDirectory();

  const std::filesystem::path& path() const { return staging_; }
  const std::filesystem::path& target() const { return target_; }

  // Flushes the files and renames. What was there before is removed only after the rename.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path staging_;
  Existing existing_;
  int lock_ = -1;
  bool committed_ = false;
};

}  // namespace medgen::base
