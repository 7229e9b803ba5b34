// See the header. A file is a page with the header, then lay_out()'s block.
#include "native/packed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <vector>

#include "base/thread_pool.h"
#include "bundle/config.h"
#include "medgen/error.h"

namespace medgen::native {
namespace fs = std::filesystem;
namespace {

constexpr char kMagic[8] = {'m', 'e', 'd', 'g', 'e', 'n', 'P', 'K'};
// Increase whenever the layout, or pack()'s result for the same parameters, changes.
constexpr std::uint32_t kLayoutVersion = 3;
constexpr std::size_t kHeaderBytes = 4096;

struct Header {
  char magic[8];
  std::uint32_t layout_version;
  std::uint32_t precision;
  char sha256[64];
  std::uint64_t config_hash;
  std::uint64_t body_bytes;
  std::uint64_t body_low;
  std::uint64_t body_high;
  std::uint64_t header_hash;  // of what stands before it
};

std::uint64_t header_hash(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, header_hash));
}

Header make_header(const PackedKey& key, std::uint64_t body_bytes, const XXH128_hash_t& body) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.layout_version = kLayoutVersion;
  header.precision = static_cast<std::uint32_t>(key.precision);
  std::memcpy(header.sha256, key.sha256.data(), std::min(key.sha256.size(), sizeof header.sha256));
  const std::string config = bundle::config_to_json(key.config);
  header.config_hash = XXH3_64bits(config.data(), config.size());
  header.body_bytes = body_bytes;
  header.body_low = body.low64;
  header.body_high = body.high64;
  header.header_hash = header_hash(header);
  return header;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason(const char* what) {
  std::string text = what;
  text += ": ";
  return text + std::generic_category().message(errno);
}

// Of what a file holds after its header, as the hash of its chunks' hashes; false if it cannot be
// read. Through small buffers, because pages that are read through a mapping stay in this process's
// memory, needed or not.
bool hash_body(int fd, std::uint64_t bytes, XXH128_hash_t& hash) {
  constexpr std::uint64_t kChunk = std::uint64_t{4} << 20U;
  constexpr std::size_t kBuffer = std::size_t{1} << 18U;  // stays in a core's cache
  const auto chunks = static_cast<int>((bytes + kChunk - 1) / kChunk);
  std::vector<XXH128_hash_t> hashes(static_cast<std::size_t>(chunks));
  base::ThreadPool pool(std::clamp(chunks, 1, base::usable_cores()));
  const int pieces = std::min(chunks, pool.size() * 4);
  std::vector<char> buffers(kBuffer * static_cast<std::size_t>(pieces));
  std::atomic<bool> readable{true};
  pool.run(pieces, [&](int piece) {
    char* buffer = buffers.data() + kBuffer * static_cast<std::size_t>(piece);
    XXH3_state_t* state = XXH3_createState();
    for (int chunk = piece; chunk < chunks && readable; chunk += pieces) {
      XXH3_128bits_reset(state);
      const std::uint64_t first = kChunk * static_cast<std::uint64_t>(chunk);
      const std::uint64_t end = std::min(bytes, first + kChunk);
      for (std::uint64_t at = first; at < end;) {
        const ssize_t got = ::pread(fd, buffer, std::min<std::uint64_t>(end - at, kBuffer),
                                    static_cast<off_t>(kHeaderBytes + at));
        if (got <= 0) {
          readable = false;
          break;
        }
        XXH3_128bits_update(state, buffer, static_cast<std::size_t>(got));
        at += static_cast<std::uint64_t>(got);
      }
      hashes[static_cast<std::size_t>(chunk)] = XXH3_128bits_digest(state);
    }
    XXH3_freeState(state);
  });
  hash = XXH3_128bits(hashes.data(), hashes.size() * sizeof(XXH128_hash_t));
  return readable;
}

// Why a file does not match `key`; empty if it does.
std::string mismatch(int fd, std::size_t size, const PackedKey& key, std::uint64_t body) {
  if (size < kHeaderBytes) return "it is truncated";
  Header header;
  if (::pread(fd, &header, sizeof header, 0) != sizeof header) return reason("it cannot be read");
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return "it is something else";
  if (header.layout_version != kLayoutVersion) return "another version of medgen wrote it";
  if (header.header_hash != header_hash(header)) return "its header is damaged";
  const Header wanted = make_header(key, body, {});
  if (std::memcmp(header.sha256, wanted.sha256, sizeof header.sha256) != 0 ||
      header.config_hash != wanted.config_hash || header.precision != wanted.precision) {
    return "it belongs to another model";
  }
  if (header.body_bytes != body || size != kHeaderBytes + body) return "it is truncated";
  XXH128_hash_t hash;
  if (!hash_body(fd, body, hash)) return reason("it cannot be read");
  if (hash.low64 != header.body_low || hash.high64 != header.body_high)
    return "its content is damaged";
  return "";
}

// A file of `size` bytes with disk space reserved, mapped for writing. Null, with the reason, if
// not.
void* map_new_file(const fs::path& path, std::size_t size, std::string& why) {
  const Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (fd.get() < 0) {
    why = reason("cannot be written");
    return nullptr;
  }
  // Without this, a full disk would only show up as a fatal signal while the mapping is filled.
  const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  errno = error;
  void* mapping = error != 0
                      ? MAP_FAILED
                      : ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (mapping == MAP_FAILED) {
    why = reason("cannot be written");
    ::unlink(path.c_str());
    return nullptr;
  }
  return mapping;
}

}  // namespace

PackedWeights::PackedWeights(void* mapping, std::size_t size, bool of_file, const PackedKey& key)
    : mapping_(mapping),
      of_file_(of_file),
      size_(size),
      model_(lay_out(key.config, key.precision,
                     static_cast<const std::byte*>(mapping) + kHeaderBytes)) {}

PackedWeights::~PackedWeights() { ::munmap(mapping_, size_); }

void PackedWeights::forget() const {
  if (of_file_) ::madvise(mapping_, size_, MADV_DONTNEED);
}

std::unique_ptr<PackedWeights> PackedWeights::open(const fs::path& file, const PackedKey& key,
                                                   std::string& why) {
  why.clear();
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno != ENOENT && errno != ENOTDIR) why = reason("it cannot be read");
    return nullptr;
  }
  struct stat information {};
  if (::fstat(fd.get(), &information) != 0 || !S_ISREG(information.st_mode) ||
      information.st_size <= 0) {
    why = "it is not a file";
    return nullptr;
  }
  const auto size = static_cast<std::size_t>(information.st_size);
  why = mismatch(fd.get(), size, key, lay_out(key.config, key.precision, nullptr).size_bytes);
  if (!why.empty()) return nullptr;
  void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (mapping == MAP_FAILED) {
    why = reason("it cannot be mapped");
    return nullptr;
  }
  return std::unique_ptr<PackedWeights>(new PackedWeights(mapping, size, /*of_file=*/true, key));
}

std::unique_ptr<PackedWeights> PackedWeights::build(const fs::path& file, const PackedKey& key,
                                                    const Fill& fill, std::string& why) {
  why.clear();
  const std::uint64_t body = lay_out(key.config, key.precision, nullptr).size_bytes;
  const std::size_t size = kHeaderBytes + body;
  fs::path aside = file;
  aside += fmt::format(".new-{}", ::getpid());
  if (file.empty()) why = "there is no place for it";
  void* mapping = file.empty() ? nullptr : map_new_file(aside, size, why);
  const bool on_disk = mapping != nullptr;
  if (!on_disk) {
    mapping = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
  }
  auto* start = static_cast<std::byte*>(mapping);
  // A file's pages stay in the system's cache, modified or not.
  const auto forget = [&] {
    if (on_disk) ::madvise(mapping, size, MADV_DONTNEED);
  };
  try {
    fill(start + kHeaderBytes, forget);
  } catch (...) {
    ::munmap(mapping, size);
    if (on_disk) ::unlink(aside.c_str());
    throw;
  }
  if (on_disk) {
    const Descriptor fd(::open(aside.c_str(), O_RDONLY | O_CLOEXEC));
    XXH128_hash_t hash{};
    const bool hashed = fd.get() >= 0 && hash_body(fd.get(), body, hash);
    const Header header = make_header(key, body, hash);
    std::memcpy(start, &header, sizeof header);
    if (!hashed || ::msync(mapping, size, MS_SYNC) != 0 ||
        ::rename(aside.c_str(), file.c_str()) != 0) {
      why = reason("cannot be written");
      ::unlink(aside.c_str());
    }
  }
  ::mprotect(mapping, size, PROT_READ);
  // Only now: laying the model out reads what was filled in.
  return std::unique_ptr<PackedWeights>(new PackedWeights(mapping, size, on_disk, key));
}

fs::path packed_path(const fs::path& folder, Precision precision) {
  std::string name = "packed-";
  name += to_string(precision);
  return folder / (name + ".bin");
}

fs::path packed_cache() {
  fs::path cache;
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg == '/') {
    cache = xdg;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    cache = fs::path(home) / ".cache";
  } else {
    return {};
  }
  cache /= "medgen";
  std::error_code error;
  fs::create_directories(cache, error);
  return cache;
}

fs::path cached_packed_path(const PackedKey& key) {
  const fs::path cache = packed_cache();
  if (cache.empty()) return {};
  std::string name = key.sha256.substr(0, 32);
  name += "-";
  name += to_string(key.precision);
  return cache / (name + ".bin");
}

}  // namespace medgen::native
