// What kind of character a code point is: what the rules of tokenizers ask.
#pragma once

#include <cstddef>
#include <string_view>

namespace medgen::text {

struct CodePoint {
  char32_t code = 0;
  std::size_t size = 1;  // bytes of UTF-8
};

// `text` is valid UTF-8 and has a character there.
CodePoint code_point_at(std::string_view text, std::size_t at);
CodePoint code_point_before(std::string_view text, std::size_t at);

bool is_white_space(char32_t code);     // Unicode's White_Space
bool is_word_character(char32_t code);  // \w of Unicode's regular expressions (UTS 18)
bool is_number(char32_t code);          // Nd, Nl and No

}  // namespace medgen::text
