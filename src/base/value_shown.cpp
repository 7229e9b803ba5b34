// See the header.
#include "base/value_shown.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/nearest.h"

namespace medgen::base {
namespace {

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t n = 0;
  while (at + n < text.size() && std::isdigit(static_cast<unsigned char>(text[at + n])) != 0) ++n;
  return n;
}

// Decimal, as people write numbers, in range or not. One with many digits may be a telephone's, so
// the longest is that of the largest seed.
bool is_number_text(std::string_view text) {
  constexpr std::size_t kMostCharacters = 24;
  if (text.size() > kMostCharacters) return false;
  std::size_t at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const std::size_t whole = digits_at(text, at);
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = digits_at(text, ++at);
    at += fraction;
  }
  if (whole + fraction == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent = digits_at(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

}  // namespace

std::string value_shown(std::string_view value) {
  if (is_number_text(value)) return fmt::format("\"{}\"", value);
  if (value.empty()) return "empty";
  const auto characters = std::count_if(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;  // not inside a character of UTF-8
  });
  return fmt::format("a text of {} character{}", characters, characters == 1 ? "" : "s");
}

std::string word_shown(std::string_view value, const std::vector<std::string>& allowed) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  const bool word = value.size() <= 20 && value.find_first_not_of(kLetters) == value.npos;
  if (!word || nearest(value, allowed).empty()) return value_shown(value);
  return fmt::format("\"{}\"", value);
}

}  // namespace medgen::base
