// See the header. OpenSSL uses the processor's SHA instructions if it has any; its state is
// copied to read an intermediate value.
#include "base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "base/files.h"

namespace medgen::base {
namespace {

void require(int result) {
  if (result != 1) throw Error(ErrorCode::kRuntime, "OpenSSL could not compute a SHA-256 checksum");
}

struct Free {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

}  // namespace

struct RunningHash::State {
  Context context{EVP_MD_CTX_new()};
};

RunningHash::RunningHash() : state_(std::make_unique<State>()) {
  require(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr));
}
RunningHash::~RunningHash() = default;

void RunningHash::add(std::string_view bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

std::string RunningHash::hex() const {
  const Context copy{EVP_MD_CTX_new()};
  require(EVP_MD_CTX_copy_ex(copy.get(), state_->context.get()));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(copy.get(), digest.data(), &size));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return hex;
}

std::string sha256(std::string_view bytes) {
  RunningHash hash;
  hash.add(bytes);
  return hash.hex();
}

std::string sha256_of_file(const std::filesystem::path& path, ErrorCode code) {
  constexpr std::size_t kPart = std::size_t{16} << 20U;
  const MappedFile file(path, code);
  RunningHash hash;
  for (std::string_view rest = file.bytes(); !rest.empty();) {
    const std::string_view part = rest.substr(0, kPart);
    hash.add(part);
    rest.remove_prefix(part.size());
    file.forget();
  }
  return hash.hex();
}

}  // namespace medgen::base
