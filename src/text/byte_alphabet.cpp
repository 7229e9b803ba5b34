// GPT-2's spelling of bytes: see byte_alphabet.h.
#include "text/byte_alphabet.h"

#include "text/utf8.h"

namespace medgen::text {

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
  // By code point; all spellings have one or two bytes of UTF-8.
  static const std::array<int, 0x200> bytes = [] {
    std::array<int, 0x200> result{};
    result.fill(-1);
    for (int byte = 0; byte < 256; ++byte) {
      const std::string& spelling = byte_spellings()[static_cast<std::size_t>(byte)];
      const auto first = static_cast<unsigned char>(spelling[0]);
      const std::size_t code =
          spelling.size() == 1
              ? first
              : (first & 0x1FU) << 6U | (static_cast<unsigned char>(spelling[1]) & 0x3FU);
      result[code] = byte;
    }
    return result;
  }();
  std::string out;
  out.reserve(piece.size());
  for (std::size_t at = 0; at < piece.size();) {
    const auto first = static_cast<unsigned char>(piece[at++]);
    std::size_t code = first;
    if (first >= 0x80) {
      const auto second = at < piece.size() ? static_cast<unsigned char>(piece[at++]) : 0U;
      if (first < 0xC2 || first > 0xC7 || (second & 0xC0U) != 0x80) return std::string(piece);
      code = (first & 0x1FU) << 6U | (second & 0x3FU);
    }
    if (bytes[code] < 0) return std::string(piece);
    out += static_cast<char>(bytes[code]);
  }
  return out;
}

}  // namespace medgen::text
