// What n-grams and repetition say about texts, given as token ids. The measures follow the code of
// "The curious case of neural text degeneration" (Holtzman, Buys, Du, Forbes, Choi, ICLR 2020).
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::research {

// The n-grams of one order, numbered from 0.
struct Ngrams {
  std::vector<std::vector<std::uint32_t>> texts;  // each text's n-grams in order
  std::vector<std::uint32_t> counts;              // of each n-gram in all texts
};

// Orders 1 to 4.
using NgramOrders = std::vector<Ngrams>;
NgramOrders count_ngrams(std::span<const std::vector<TokenId>> texts);

// fn(n-gram, how often) for each n-gram of a text.
template <class Fn>
void for_each_count(std::vector<std::uint32_t> ngrams, Fn&& fn) {
  std::sort(ngrams.begin(), ngrams.end());
  for (std::size_t begin = 0, end = 0; begin < ngrams.size(); begin = end) {
    while (end < ngrams.size() && ngrams[end] == ngrams[begin]) ++end;
    fn(ngrams[begin], static_cast<std::uint32_t>(end - begin));
  }
}

struct NgramTotals {
  std::uint64_t total = 0;     // n-grams
  std::uint64_t distinct = 0;  // different ones: distinct-n is distinct / total
  std::uint64_t once = 0;      // seen exactly once: what the paper's "distinct-n" counts
};

// With `left_out`: as if these texts were not there.
NgramTotals ngram_totals(const Ngrams& ngrams);
NgramTotals ngram_totals(const Ngrams& ngrams, const NgramTotals& all,
                         std::span<const std::size_t> left_out);

// How many tokens have each frequency, most frequent first.
using FrequencyTable = std::map<std::uint32_t, std::uint64_t, std::greater<>>;
FrequencyTable frequency_table(const Ngrams& unigrams);
FrequencyTable frequency_table(const Ngrams& unigrams, FrequencyTable all,
                               std::span<const std::size_t> left_out);

// Minus the slope of log frequency on log rank, least squares over the 5,000 most frequent tokens.
// Nothing for fewer than two.
std::optional<double> zipf_coefficient(const FrequencyTable& frequencies);

// A text ends in one phrase of at least two tokens, at least three times in a row: the paper's
// definition in words.
bool repeats_at_end(std::span<const TokenId> tokens);

// What the paper's code counts: of the phrases of 1 to 90 tokens that may end the text the one said
// most often in a row (the shortest of several), if it is said more than once and is at least three
// tokens long or said more than 50 times.
bool repeats_at_end_in_code(std::span<const TokenId> tokens);

}  // namespace medgen::research
