// Log-probabilities of many texts that begin alike: what they share with one of them is computed
// once.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/slots.h"
#include "medgen/backend.h"
#include "medgen/tokenizer.h"

namespace medgen::why {

struct ScoredText {
  std::vector<TokenId> tokens;   // at most n_positions + 1: the last one is not fed
  std::size_t first_scored = 1;  // tokens before it are context alone; at least 1
};

class PrefixScores {
 public:
  // Computes `base`, whose keys and values are kept for as long as this lives. Log-probabilities
  // are over the first `vocabulary` ids. `before_step` is called before every step and may throw to
  // stop; it may be empty. Throws Error(kUsage) for a text that does not fit the context.
  PrefixScores(Backend& backend, int vocabulary, ScoredText base,
               std::function<void()> before_step = {});

  // Of tokens[first_scored] and those after it; natural, with the bits that generating them would
  // give.
  const std::vector<double>& of_base() const { return base_scores_; }

  // The same for each of `texts`. They go through the back end's free slots several at once, at
  // most 128 MiB of logits at a time. Throws Error(kRuntime) for logits that are not numbers.
  std::vector<std::vector<double>> of(std::span<const ScoredText> texts);

  int vocabulary() const { return vocabulary_; }

 private:
  struct Target {
    std::vector<double>* scores;
    TokenId token;
  };

  // Appends the rows from position `from` on.
  void add_rows(const ScoredText& text, int slot, std::size_t from, std::vector<double>& scores);
  void run();  // the rows that were added
  void read_logits(std::span<const float> logits, std::size_t first_target);
  std::size_t shared_with_base(const ScoredText& text) const;
  void check(const ScoredText& text) const;

  Backend& backend_;
  int vocabulary_;
  ScoredText base_;
  std::function<void()> before_step_;
  engine::Slots slots_;
  std::size_t most_rows_;  // of a step
  int base_slot_ = 0;
  std::vector<double> base_scores_;
  std::vector<Row> rows_;
  std::vector<Target> targets_;  // of the rows that want logits
  std::vector<double> values_;   // of the targets of a step
};

}  // namespace medgen::why
