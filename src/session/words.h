// The words of a continuation, what the model thought of them, and what it would have said instead.
// Probabilities are the model's own, before temperature and filters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "medgen/backend.h"
#include "medgen/generate.h"
#include "medgen/tokenizer.h"
#include "why/spans.h"

namespace medgen::session {

using why::words_of;

inline constexpr std::string_view kBlanks = " \t\n\r";

// The place of the word that `asked` names: its number from 1, or how it is spelled, whatever its
// case and what punctuation stands around it. Throws Error(kUsage), without the word.
std::size_t find_word(std::string_view text, std::string_view asked);

// Of each word of the continuation: the product of its tokens' probabilities.
std::vector<double> word_probabilities(Backend& backend, const Tokenizer& tokenizer,
                                       const std::vector<TokenId>& prompt,
                                       const Completion& completion);

// What a continuation holds before the token that begins a word.
struct Place {
  std::vector<TokenId> tokens;
  std::string text;
};
Place place_before(const Tokenizer& tokenizer, const Completion& completion, const why::Span& word);

struct Alternative {
  std::string text;        // with the blank before it, to the end of its word
  double probability = 0;  // of how it begins
};
// The likeliest words after `context`, at most `count`, best first; each is spelled to its end by
// always taking the likeliest token.
std::vector<Alternative> alternatives(Backend& backend, const Tokenizer& tokenizer,
                                      const std::vector<TokenId>& context, int count);

}  // namespace medgen::session
