// UTF-8: see utf8.h. One function, next_character(), decides what is well-formed; the rest asks it.
#include "text/utf8.h"

#include <fmt/format.h>

#include "medgen/error.h"

namespace medgen::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Character {
  enum class State { kWhole, kBroken, kUnfinished } state;
  std::size_t size;  // bytes it takes
};

// What stands at the beginning of `bytes`, which is not empty. Table 3-7 of the Unicode Standard:
// only the second byte has limits that depend on the first.
Character next_character(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {Character::State::kWhole, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Character::State::kBroken, 1};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < size; ++i) {
    if (i == bytes.size()) return {Character::State::kUnfinished, i};
    const bool fits =
        i == 1 ? byte(1) >= low && byte(1) <= high : byte(i) >= 0x80 && byte(i) <= 0xBF;
    if (!fits) return {Character::State::kBroken, i};
  }
  return {Character::State::kWhole, size};
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Character character = next_character(text.substr(at));
    if (character.state != Character::State::kWhole) return at;
    at += character.size;
  }
  return std::nullopt;
}

void require_utf8(std::string_view text, std::string_view what) {
  const auto offset = find_invalid_utf8(text);
  if (!offset) return;
  throw Error(ErrorCode::kUsage,
              fmt::format("{} is not valid UTF-8: the fault is at byte offset {} of {}. Convert it "
                          "to UTF-8 first, for example with iconv.",
                          what, *offset, text.size()));
}

std::string replace_invalid_utf8(std::string_view bytes) {
  Utf8Stream stream;
  std::string text = stream.push(bytes);
  return text += stream.flush();
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) {
    out += static_cast<char>(static_cast<unsigned char>(byte));
  };
  const auto continuation = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    continuation(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    continuation(6);
    continuation(0);
  } else {
    put(0xF0 | (code_point >> 18));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

std::string Utf8Stream::push(std::string_view bytes) {
  std::string joined;
  if (!held_.empty()) {
    joined = held_;
    joined += bytes;
    bytes = joined;
    held_.clear();
  }
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Character character = next_character(bytes);
    if (character.state == Character::State::kUnfinished) {
      held_ = bytes;
      break;
    }
    if (character.state == Character::State::kWhole) {
      out += bytes.substr(0, character.size);
    } else {
      out += kReplacement;
    }
    bytes.remove_prefix(character.size);
  }
  return out;
}

std::string Utf8Stream::flush() {
  if (held_.empty()) return {};
  held_.clear();
  return std::string(kReplacement);
}

}  // namespace medgen::text
