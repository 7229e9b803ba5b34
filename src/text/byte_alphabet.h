// GPT-2's spelling of bytes: printable Latin-1 characters stand for themselves, the rest moves to
// U+0100 and on, so that a vocabulary can be a text file ("Ġ" is the space).
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace medgen::text {

// The UTF-8 of the character that stands for each byte.
const std::array<std::string, 256>& byte_spellings();

// The bytes that `piece` spells. A piece with any character outside the alphabet stands for itself,
// as in Hugging Face's `tokenizers`.
std::string bytes_of_piece(std::string_view piece);

}  // namespace medgen::text
