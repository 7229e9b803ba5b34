// What standard output and standard error are, and what may be written there.
#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "text/utf8.h"

namespace medgen::cli {
namespace {

// Bidirectional marks, overrides and isolates; line and paragraph separators stay.
bool reorders(std::uint32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

std::uint32_t code_point(std::string_view bytes) {
  static constexpr unsigned kLeadMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  std::uint32_t value = static_cast<unsigned char>(bytes[0]) & kLeadMask[bytes.size()];
  for (const char byte : bytes.substr(1))
    value = (value << 6) | (static_cast<unsigned char>(byte) & 0x3FU);
  return value;
}

}  // namespace

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

bool use_color(ColorChoice choice, int descriptor) {
  if (choice != ColorChoice::kAuto) return choice == ColorChoice::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool refused = (no_color != nullptr && *no_color != '\0') ||
                       (term != nullptr && std::string_view(term) == "dumb");
  return !refused && is_terminal(descriptor);
}

std::string visible(std::string_view given) {
  const std::string valid = text::replace_invalid_utf8(given);
  std::string_view text = valid;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::string_view bytes = text.substr(0, sequence_length(lead));
    text.remove_prefix(bytes.size());
    const std::uint32_t c = code_point(bytes);
    if (c == 0x7F) {
      out += "^?";
    } else if (c < 0x20 && c != '\n' && c != '\t') {
      out += '^';
      out += static_cast<char>(c + '@');
    } else if ((c >= 0x80 && c < 0xA0) || reorders(c)) {
      out += fmt::format("<U+{:04X}>", static_cast<unsigned>(c));
    } else {
      out += bytes;
    }
  }
  return out;
}

int terminal_columns(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace medgen::cli
