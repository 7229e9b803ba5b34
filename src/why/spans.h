// Parts of a text that people point at: words, sentences, and which of them a token belongs to.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::why {

struct Span {
  std::size_t begin = 0, end = 0;  // bytes of the text, end past the last one

  bool operator==(const Span&) const = default;
};

// Runs of bytes that are no blank (space, tab, line end).
std::vector<Span> words_of(std::string_view text);

// Runs of words that end with one that closes a sentence (. ! ? … at its end) or before a line end.
std::vector<Span> sentences_of(std::string_view text);

// For each token, given the bytes that it adds to a text, the index of the span that holds the
// first of them that is no blank; a token of blanks alone belongs to what comes next. -1 for one
// that belongs to none.
std::vector<int> owners_of_tokens(std::string_view text, std::span<const std::string> token_bytes,
                                  std::span<const Span> spans);

}  // namespace medgen::why
