// See the header. Offsets and signatures are those of PKWARE's APPNOTE 6.3.9, sections 4.3.7 (local
// header), 4.3.9 (data descriptor), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end), 4.5.3
// (64-bit sizes).
#include "parity/zip_patch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "medgen/error.h"

namespace medgen {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50;
constexpr std::uint32_t kDescriptor = 0x08074b50;
constexpr std::uint32_t kCentral = 0x02014b50;
constexpr std::uint32_t kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64Locator = 0x07064b50;
constexpr std::uint32_t kEnd64 = 0x06064b50;
constexpr std::uint64_t kMaxDirectoryBytes = 256U << 20U;

template <typename Number>
Number at(const std::vector<unsigned char>& bytes, std::size_t place) {
  Number value{};
  if (place + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

// Replaces sizes and offset that are too large for their fields by those of the 64-bit extra field.
void read_large(const std::vector<unsigned char>& directory, std::size_t extra, std::size_t length,
                std::uint64_t& bytes, std::uint64_t& packed, std::uint64_t& header) {
  for (std::size_t place = extra; place + 4 <= extra + length;) {
    const auto id = at<std::uint16_t>(directory, place);
    const auto size = at<std::uint16_t>(directory, place + 2);
    if (id == 1) {
      std::size_t next = place + 4;
      for (std::uint64_t* field : {&bytes, &packed, &header}) {
        if (*field != 0xffffffffU) continue;
        *field = at<std::uint64_t>(directory, next);
        next += 8;
      }
    }
    place += 4U + size;
  }
}

}  // namespace

ZipPatch::ZipPatch(const std::filesystem::path& path)
    : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
  if (fd_ < 0) fail(std::generic_category().message(errno));
  try {
    read_directory();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

ZipPatch::~ZipPatch() { ::close(fd_); }

void ZipPatch::fail(const std::string& why) const {
  throw Error(ErrorCode::kRuntime, "cannot write into " + path_.string() + ": " + why);
}

void ZipPatch::read(std::uint64_t offset, void* out, std::size_t bytes) const {
  if (::pread(fd_, out, bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes)) {
    fail("it is not a complete zip file");
  }
}

void ZipPatch::write(std::uint64_t offset, const void* content, std::uint64_t bytes) {
  const char* place = static_cast<const char*>(content);
  while (bytes > 0) {
    const ssize_t written = ::pwrite(fd_, place, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail(std::generic_category().message(errno));
    place += written;
    offset += static_cast<std::uint64_t>(written);
    bytes -= static_cast<std::uint64_t>(written);
  }
}

void ZipPatch::read_directory() {
  struct stat information {};
  if (::fstat(fd_, &information) != 0 || information.st_size < 22) fail("it is not a zip file");
  const auto size = static_cast<std::uint64_t>(information.st_size);
  std::vector<unsigned char> tail(std::min<std::uint64_t>(size, 66000));
  const std::uint64_t tail_at = size - tail.size();
  read(tail_at, tail.data(), tail.size());
  std::size_t end = tail.size() - 22;
  while (at<std::uint32_t>(tail, end) != kEnd) {
    if (end-- == 0) fail("it is not a zip file");
  }
  std::uint64_t count = at<std::uint16_t>(tail, end + 10);
  std::uint64_t bytes = at<std::uint32_t>(tail, end + 12);
  std::uint64_t start = at<std::uint32_t>(tail, end + 16);
  if (end >= 20 && at<std::uint32_t>(tail, end - 20) == kEnd64Locator) {
    std::vector<unsigned char> end64(56);
    read(at<std::uint64_t>(tail, end - 12), end64.data(), end64.size());
    if (at<std::uint32_t>(end64, 0) != kEnd64) fail("it is damaged");
    count = at<std::uint64_t>(end64, 32);
    bytes = at<std::uint64_t>(end64, 40);
    start = at<std::uint64_t>(end64, 48);
  }
  if (bytes > kMaxDirectoryBytes || start > size || bytes > size - start) fail("it is damaged");
  std::vector<unsigned char> directory(bytes);
  read(start, directory.data(), directory.size());
  std::size_t place = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (at<std::uint32_t>(directory, place) != kCentral) fail("it is damaged");
    Entry entry;
    entry.stored = at<std::uint16_t>(directory, place + 10) == 0;
    std::uint64_t packed = at<std::uint32_t>(directory, place + 20);
    entry.bytes = at<std::uint32_t>(directory, place + 24);
    const std::size_t name = at<std::uint16_t>(directory, place + 28);
    const std::size_t extra = at<std::uint16_t>(directory, place + 30);
    const std::size_t comment = at<std::uint16_t>(directory, place + 32);
    entry.header = at<std::uint32_t>(directory, place + 42);
    entry.central = start + place;
    if (place + 46 + name + extra + comment > directory.size()) fail("it is damaged");
    read_large(directory, place + 46 + name, extra, entry.bytes, packed, entry.header);
    const char* text = reinterpret_cast<const char*>(directory.data()) + place + 46;
    entries_[std::string(text, name)] = entry;
    place += 46 + name + extra + comment;
  }
}

void ZipPatch::replace(const std::string& name, const void* content, std::uint64_t bytes) {
  const auto found = entries_.find(name);
  if (found == entries_.end() || !found->second.stored || found->second.bytes != bytes) {
    fail(fmt::format("it has no stored entry {} of {} bytes", name, bytes));
  }
  const Entry& entry = found->second;
  std::vector<unsigned char> header(30);
  read(entry.header, header.data(), header.size());
  if (at<std::uint32_t>(header, 0) != kLocal) fail("it is damaged");
  const std::uint64_t data =
      entry.header + 30 + at<std::uint16_t>(header, 26) + at<std::uint16_t>(header, 28);
  write(data, content, bytes);
  const auto checksum = static_cast<std::uint32_t>(
      crc32_z(0, static_cast<const unsigned char*>(content), static_cast<z_size_t>(bytes)));
  write(entry.central + 16, &checksum, 4);
  const bool has_descriptor = (at<std::uint16_t>(header, 6) & 8U) != 0;
  if (!has_descriptor) {
    write(entry.header + 14, &checksum, 4);
    return;
  }
  std::uint32_t signature = 0;
  read(data + bytes, &signature, 4);
  write(data + bytes + (signature == kDescriptor ? 4 : 0), &checksum, 4);
}

void ZipPatch::finish() {
  if (::fsync(fd_) != 0) fail(std::generic_category().message(errno));
}

}  // namespace medgen
