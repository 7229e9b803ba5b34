// UTF-8: checking it, repairing it, and cutting a stream of bytes only between characters.
// Well-formed is what Unicode says: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace medgen::text {

// Byte offset of the first invalid UTF-8; nothing if all of it is valid.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// Throws Error(kUsage) that names the byte offset. `what` begins the message: "the prompt".
void require_utf8(std::string_view text, std::string_view what);

// Every broken sequence becomes one U+FFFD, as Unicode recommends ("maximal subparts", the practice
// of browsers, Python and Rust). Valid text comes back as it is.
std::string replace_invalid_utf8(std::string_view bytes);

// Appends the UTF-8 of a Unicode scalar value.
void append_utf8(std::string& out, char32_t code_point);

// Bytes go in as they arrive, whole characters come out. push() holds back only what may still be
// a character: three bytes at most. All output, flush() included, equals
// replace_invalid_utf8() of all input, however it was cut.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);
  std::string flush();  // ends the text; the stream is empty afterwards
  bool within_character() const { return !held_.empty(); }

 private:
  std::string held_;
};

}  // namespace medgen::text
