// GPT-2's spelling of bytes: see byte_alphabet.h.
#include "text/byte_alphabet.h"

#include <unordered_map>

#include "text/utf8.h"

namespace medgen {

const std::array<std::string, 256>& byte_spellings() {
  static const std::array<std::string, 256> spellings = [] {
    std::array<std::string, 256> result;
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
      append_utf8(result[byte], printable ? char32_t{byte} : next++);
    }
    return result;
  }();
  return spellings;
}

std::string bytes_of_piece(std::string_view piece) {
  static const std::unordered_map<std::string_view, char> bytes = [] {
    std::unordered_map<std::string_view, char> result;
    for (unsigned byte = 0; byte < 256; ++byte) {
      result[byte_spellings()[byte]] = static_cast<char>(static_cast<unsigned char>(byte));
    }
    return result;
  }();
  std::string out;
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t size = static_cast<unsigned char>(piece[at]) < 0x80 ? 1 : 2;
    const auto found = bytes.find(piece.substr(at, size));
    if (found == bytes.end()) return std::string(piece);
    out += found->second;
    at += size;
  }
  return out;
}

}  // namespace medgen
