// See the header.
#include "text/visible.h"

#include <fmt/format.h>

#include "text/characters.h"
#include "text/utf8.h"

namespace medgen::text {
namespace {

// Bidirectional marks, overrides and isolates; line and paragraph separators stay.
bool reorders(char32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::string visible(std::string_view given) {
  const std::string valid = replace_invalid_utf8(given);
  std::string_view text = valid;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [c, size] = code_point_at(text, 0);
    if (c == 0x7F) {
      out += "^?";
    } else if (c < 0x20 && c != '\n' && c != '\t') {
      out += '^';
      out += static_cast<char>(c + '@');
    } else if ((c >= 0x80 && c < 0xA0) || reorders(c)) {
      out += fmt::format("<U+{:04X}>", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace medgen::text
