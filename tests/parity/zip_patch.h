// New content of the same length for entries of a zip file that are stored uncompressed, written in
// place. So a checkpoint is changed as no medgen would write it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace medgen {

class ZipPatch {
 public:
  // Throws Error(kRuntime) if the file is not a zip file, or cannot be read and written.
  explicit ZipPatch(const std::filesystem::path& path);
  ZipPatch(const ZipPatch&) = delete;
  ZipPatch& operator=(const ZipPatch&) = delete;
  ~ZipPatch();

  // Replaces the content of the entry called `name` and its checksums. Throws Error(kRuntime) if
  // there is none of this length, or if writing fails.
  void replace(const std::string& name, const void* content, std::uint64_t bytes);

  // Flushes to the disk.
  void finish();

 private:
  struct Entry {
    std::uint64_t header = 0;   // where its local header is
    std::uint64_t central = 0;  // and its entry in the directory
    std::uint64_t bytes = 0;
    bool stored = false;
  };

  [[noreturn]] void fail(const std::string& why) const;
  void read(std::uint64_t offset, void* out, std::size_t bytes) const;
  void write(std::uint64_t offset, const void* content, std::uint64_t bytes);
  void read_directory();

  std::filesystem::path path_;
  int fd_;
  std::map<std::string, Entry> entries_;
};

}  // namespace medgen
