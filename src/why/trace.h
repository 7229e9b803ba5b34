// Which passages of a text stand word for word in training text, as OLMoTrace finds them (Liu and
// others 2025, "OLMoTrace: tracing language model outputs back to trillions of training tokens").
//
// A run of tokens is verbatim where it stands in the index, and maximal where it neither can be
// made longer nor lies in a longer one. Maximal runs are cut back to what begins and ends with
// whole words, in the text and somewhere in the index; those that are long enough are passages; and
// of these the rarest: those of the lowest product of their tokens' shares of all tokens. Unlike
// OLMoTrace's, a passage may go on over the end of a sentence, so that a recited paragraph is one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/document_names.h"
#include "medgen/tokenizer.h"
#include "why/spans.h"
#include "why/suffix_index.h"

namespace medgen::why {

// Tokens begin .. end - 1 of a text.
struct TokenRun {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
  bool operator==(const TokenRun&) const = default;
};

// The maximal runs of at least `least` tokens that stand in the index, by their beginnings, which
// ascend, as do their ends. An EOS is in none.
std::vector<TokenRun> verbatim_runs(const SuffixIndex& index, std::span<const TokenId> tokens,
                                    std::size_t least);

// How many tokens are in one or more of the runs, which must be in order.
std::size_t covered_tokens(std::span<const TokenRun> runs);

// The longest part of a run that begins and ends with whole words, given the bytes of all tokens;
// empty if there is none.
TokenRun whole_words(TokenRun run, std::span<const std::string> token_bytes);

struct TraceOptions {
  int least_tokens = 8;           // of a passage; >= 1
  std::optional<int> most_spans;  // 0: all; unset: one for every 20 tokens, rounded up
  int most_places = 3;            // documents that are shown for a passage; >= 1
  int context_tokens = 24;        // of a document, on each side; >= 0
  bool within_sentence = true;    // and no further than the sentence goes
};

struct TracedPlace {
  IndexedDocument document;
  corpus::DocumentName name;
  std::uint64_t token = 0;    // of the document, where the passage begins, from 0
  std::string before, after;  // what stands around it there; valid UTF-8
};

struct TracedSpan {
  Span bytes;  // of Trace::text, without blanks at its ends and the end of another sentence before
  std::size_t tokens = 0;
  std::uint64_t count = 0;                 // times in the training text
  std::optional<std::uint64_t> documents;  // that hold it; unset beyond 2,000 times
  double rarity = 0;  // bits: minus the logarithm of the product of the tokens' shares
  std::vector<TracedPlace> places;  // one for each document, at most most_places
};

struct Trace {
  std::string text;  // what the tokens spell: the given one, unless its tokenizer changes texts
  std::size_t tokens = 0;
  std::size_t covered = 0;        // tokens in passages, those left out included
  std::vector<TracedSpan> spans;  // by their beginnings
  std::size_t left_out = 0;       // passages beyond most_spans
};

// Passages that overlap are marked as one.
struct TraceMark {
  Span bytes;                      // of Trace::text
  std::vector<std::size_t> spans;  // in Trace::spans, ascending
};
std::vector<TraceMark> marks_of(const Trace& trace);

// `tokenizer` is the index's. The text is read as it stands and as it would stand after a blank,
// since its first word may be another token there; what covers more tokens counts.
Trace trace_text(const SuffixIndex& index, const Tokenizer& tokenizer, std::string_view text,
                 const TraceOptions& options);

}  // namespace medgen::why
