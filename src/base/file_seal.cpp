#include "base/file_seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "base/random.h"
#include "base/thread_pool.h"

namespace medgen::base {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{4} << 20U;
constexpr std::size_t kBuffer = std::size_t{1} << 18U;  // stays in a core's cache
constexpr std::size_t kTag = 16;

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Mac = std::unique_ptr<EVP_MAC, FreeMac>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

void require(bool worked) {
  if (!worked) throw std::runtime_error("libcrypto cannot make a seal");
}

Seal hmac(const unsigned char* key, std::size_t key_bytes, std::string_view text) {
  Seal out{};
  unsigned int size = 0;
  require(HMAC(EVP_sha256(), key, static_cast<int>(key_bytes),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(),
               &size) != nullptr &&
          size == out.size());
  return out;
}

// False if that cannot be read. Poly1305's key must serve once: it is of this piece alone, and the
// file's is its own.
bool tag_piece(EVP_MAC_CTX* context, const Seal& key, std::uint64_t number, int descriptor,
               std::uint64_t first, std::uint64_t end, char* buffer, unsigned char* tag) {
  char name[sizeof number];
  std::memcpy(name, &number, sizeof number);
  const Seal piece_key = hmac(key.data(), key.size(), {name, sizeof name});
  if (EVP_MAC_init(context, piece_key.data(), piece_key.size(), nullptr) != 1) return false;
  for (std::uint64_t at = first; at < end;) {
    const ssize_t got = ::pread(descriptor, buffer, std::min<std::uint64_t>(end - at, kBuffer),
                                static_cast<off_t>(at));
    if (got <= 0) return false;
    if (EVP_MAC_update(context, reinterpret_cast<unsigned char*>(buffer),
                       static_cast<std::size_t>(got)) != 1) {
      return false;
    }
    at += static_cast<std::uint64_t>(got);
  }
  std::size_t size = 0;
  return EVP_MAC_final(context, tag, &size, kTag) == 1 && size == kTag;
}

}  // namespace

SealSalt new_seal_salt() {
  SealSalt salt{};
  fill_randomly(salt);
  return salt;
}

std::optional<Seal> seal_file(int descriptor, std::uint64_t start, std::uint64_t bytes,
                              std::string_view header, const SecretKey& key, const SealSalt& salt) {
  std::string purpose = "medgen file seal 2";
  purpose.append(reinterpret_cast<const char*>(salt.data()), salt.size());
  const Seal file_key = hmac(key.data(), key.size(), purpose);

  const auto pieces = static_cast<int>((bytes + kPiece - 1) / kPiece);
  std::vector<unsigned char> tags(kTag * static_cast<std::size_t>(pieces));
  ThreadPool pool(std::clamp(pieces, 1, usable_cores()));
  const int shares = std::min(pieces, pool.size() * 4);
  std::vector<char> buffers(kBuffer * static_cast<std::size_t>(shares));
  const Mac poly1305(EVP_MAC_fetch(nullptr, "POLY1305", nullptr));
  require(poly1305 != nullptr);
  std::atomic<bool> readable{true};
  pool.run(shares, [&](int share) {
    const MacContext context(EVP_MAC_CTX_new(poly1305.get()));
    if (!context) readable = false;
    for (int piece = share; piece < pieces && readable; piece += shares) {
      const std::uint64_t first = kPiece * static_cast<std::uint64_t>(piece);
      if (!tag_piece(context.get(), file_key, static_cast<std::uint64_t>(piece), descriptor,
                     start + first, start + std::min(bytes, first + kPiece),
                     buffers.data() + kBuffer * static_cast<std::size_t>(share),
                     tags.data() + kTag * static_cast<std::size_t>(piece))) {
        readable = false;
      }
    }
  });
  if (!readable) return std::nullopt;
  std::string all(header);
  all.append(reinterpret_cast<const char*>(tags.data()), tags.size());
  return hmac(file_key.data(), file_key.size(), all);
}

bool same_seal(const Seal& a, const Seal& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace medgen::base
