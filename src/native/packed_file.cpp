// See the header. A file is a page with the header, then lay_out()'s block.
#include "native/packed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include "base/descriptor.h"
#include "base/file_seal.h"
#include "base/new_file.h"
#include "base/user_folder.h"
#include "bundle/config.h"
#include "medgen/error.h"

namespace medgen::native {
namespace fs = std::filesystem;
namespace {

constexpr char kMagic[8] = {'m', 'e', 'd', 'g', 'e', 'n', 'P', 'K'};
// Increase whenever the layout, the seal, or pack()'s result for the same parameters, changes.
constexpr std::uint32_t kLayoutVersion = 5;
constexpr std::size_t kHeaderBytes = 4096;

struct Header {
  char magic[8];
  std::uint32_t layout_version;
  std::uint32_t precision;
  char sha256[64];
  std::uint64_t config_hash;
  std::uint64_t body_bytes;
  base::SealSalt salt;
  base::Seal seal;  // of what stands before it, and of the body
};

Header make_header(const PackedKey& key, std::uint64_t body_bytes) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.layout_version = kLayoutVersion;
  header.precision = static_cast<std::uint32_t>(key.precision);
  std::memcpy(header.sha256, key.sha256.data(), std::min(key.sha256.size(), sizeof header.sha256));
  const std::string config = bundle::config_to_json(key.config);
  header.config_hash = XXH3_64bits(config.data(), config.size());
  header.body_bytes = body_bytes;
  return header;
}

std::optional<base::Seal> seal_of(int fd, const Header& header, const PackedKey& key) {
  const std::string_view sealed(reinterpret_cast<const char*>(&header), offsetof(Header, seal));
  return base::seal_file(fd, kHeaderBytes, header.body_bytes, sealed, *key.secret, header.salt);
}

using base::Descriptor;

std::string reason(const char* what) {
  std::string text = what;
  text += ": ";
  return text + std::generic_category().message(errno);
}

// Why a file does not match `key`; empty if it does.
std::string mismatch(int fd, std::size_t size, const PackedKey& key, std::uint64_t body) {
  if (size < kHeaderBytes) return "it is truncated";
  Header header{};
  if (::pread(fd, &header, sizeof header, 0) != sizeof header) return reason("it cannot be read");
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return "it is something else";
  if (header.layout_version != kLayoutVersion) return "another version of medgen wrote it";
  const Header wanted = make_header(key, body);
  if (std::memcmp(header.sha256, wanted.sha256, sizeof header.sha256) != 0 ||
      header.config_hash != wanted.config_hash || header.precision != wanted.precision) {
    return "it belongs to another model";
  }
  if (header.body_bytes != body || size != kHeaderBytes + body) return "it is truncated";
  const std::optional<base::Seal> seal = seal_of(fd, header, key);
  if (!seal) return reason("it cannot be read");
  if (!base::same_seal(*seal, header.seal)) return "it is damaged, or this user did not make it";
  return "";
}

// Whether int8's activations are quantised to what int32 can sum.
bool fits_int32(PackedModel model) {
  const auto fits = [](const Matrix& matrix) {
    return matrix.q_max >= 0 && matrix.q_max <= std::max(127, wide_q_max(matrix.k));
  };
  bool all = fits(model.lm_head);
  for (Layer& layer : model.layers) {
    for (int i = 0; i < kLayerMatrices; ++i) all = all && fits(matrix_of(layer, i));
  }
  return all;
}

// `size` bytes of a new file with disk space reserved, mapped for writing. Null, with the reason,
// if not.
void* map_new_file(const Descriptor& fd, std::size_t size, std::string& why) {
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
    return nullptr;
  }
  return mapping;
}

// Who may read the model may read what was made of it, but nobody else may write it.
void share_as(const fs::path& model, int fd) {
  struct stat status {};
  if (::stat(model.c_str(), &status) == 0) (void)::fchmod(fd, (status.st_mode & 0444) | 0600);
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
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) {
    if (errno == ELOOP) {
      why = "it is a link";
    } else if (errno != ENOENT && errno != ENOTDIR) {
      why = reason("it cannot be read");
    }
    return nullptr;
  }
  struct stat information {};
  if (::fstat(fd.get(), &information) != 0 || !S_ISREG(information.st_mode) ||
      information.st_size <= 0) {
    why = "it is not a file";
    return nullptr;
  }
  if (information.st_uid != ::geteuid() && information.st_uid != 0) {
    why = "it belongs to another user";
    return nullptr;
  }
  if ((information.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    why = "others may write it";
    return nullptr;
  }
  if (!key.secret) {
    why = "there is no key to check it with";
    if (!key.why_no_secret.empty()) why += ": " + key.why_no_secret;
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
  std::unique_ptr<PackedWeights> weights(new PackedWeights(mapping, size, /*of_file=*/true, key));
  if (fits_int32(weights->model())) return weights;
  why = "it is damaged";
  return nullptr;
}

std::unique_ptr<PackedWeights> PackedWeights::build(const fs::path& file, const PackedKey& key,
                                                    const Fill& fill, std::string& why) {
  why.clear();
  const std::uint64_t body = lay_out(key.config, key.precision, nullptr).size_bytes;
  const std::size_t size = kHeaderBytes + body;
  fs::path aside;
  if (!key.secret) {
    why = "there is no key to seal it with";
    if (!key.why_no_secret.empty()) why += ": " + key.why_no_secret;
  } else if (file.empty()) {
    why = "there is no place for it";
  }
  // Its lock is held until it has its name.
  const Descriptor fd(why.empty() ? base::make_sibling_file(file, aside, O_RDWR) : -1);
  void* mapping = why.empty() ? map_new_file(fd, size, why) : nullptr;
  const bool on_disk = mapping != nullptr;
  if (!on_disk) {
    if (fd.get() >= 0) ::unlink(aside.c_str());
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
    Header header = make_header(key, body);
    header.salt = base::new_seal_salt();
    const std::optional<base::Seal> seal = seal_of(fd.get(), header, key);
    if (seal) header.seal = *seal;
    std::memcpy(start, &header, sizeof header);
    share_as(file.parent_path() / "model.pt", fd.get());
    if (!seal || ::msync(mapping, size, MS_SYNC) != 0 ||
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

fs::path cached_packed_path(const PackedKey& key) {
  const fs::path cache = base::user_folder(base::UserFolder::kCache);
  if (cache.empty()) return {};
  std::string name = key.sha256.substr(0, 32);
  name += "-";
  name += to_string(key.precision);
  return cache / (name + ".bin");
}

}  // namespace medgen::native
