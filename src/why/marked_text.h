// A text as people point at it and as a model reads it: its parts, and which tokens are whose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "medgen/tokenizer.h"
#include "why/spans.h"

namespace medgen::why {

struct MarkedText {
  std::vector<TokenId> ids;
  std::string text;                // what they spell; special tokens spell nothing
  std::vector<std::string> bytes;  // of each token
  std::vector<bool> special;       // of each token
  std::vector<Span> spans;         // of `text`, in order
  std::vector<int> owners;         // of each token: a place among `spans`, or -1

  std::string_view span_text(std::size_t span) const {
    return std::string_view(text).substr(spans[span].begin, spans[span].end - spans[span].begin);
  }
  std::size_t tokens_of(std::size_t span) const;       // how many it owns
  std::size_t first_token_of(std::size_t span) const;  // where they begin; past the end for none
};

// Without spans.
MarkedText spelled(const Tokenizer& tokenizer, std::vector<TokenId> ids);

// Gives it spans. A special token belongs to none of them.
void mark(MarkedText& text, std::vector<Span> spans);

// Gives it its words; an end-of-text token at the end becomes a word without letters.
void mark_made_words(MarkedText& text);

// A text with [brackets] around some parts: without the brackets, and the parts. Throws
// Error(kUsage) that names the byte where a bracket has no partner, stands within another pair or
// has only blanks in it, and for a text without any.
struct BracketedText {
  std::string text;
  std::vector<Span> spans;
};
BracketedText read_brackets(std::string_view text);

// The parts of `text` that the lines of `lines` quote, in the text's order: of each the first
// place that no line before it has taken. Blank lines are passed over. Throws Error(kUsage) that
// names the line that does not stand in the text, for lines without any part and for more than
// kMostQuotedSpans. `name` is the file's.
inline constexpr std::size_t kMostQuotedSpans = 1000;
std::vector<Span> quoted_spans(std::string_view text, std::string_view lines,
                               const std::string& name);

// The same parts of what the tokens of `text` spell, which may begin with a blank. Throws
// Error(kUsage) where the tokenizer changes the text, and for a part in which no token begins.
std::vector<Span> spans_of_spelled(const MarkedText& spelled, std::string_view text,
                                   std::vector<Span> spans);

}  // namespace medgen::why
