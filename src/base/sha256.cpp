// See the header. OpenSSL picks the processor's SHA instructions where there are any.
#include "base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "base/files.h"

namespace medgen {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorCode::kRuntime, "OpenSSL could not compute a SHA-256 checksum");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return hex;
}

std::string sha256_of_file(const std::filesystem::path& path, ErrorCode code) {
  return sha256(MappedFile(path, code).bytes());
}

}  // namespace medgen
