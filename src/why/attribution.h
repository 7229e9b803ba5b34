// Which parts of a prompt led a model to the words that it made. The measure is what becomes of
// the log-probability of each made word where parts of the prompt are out. It describes the model
// and its text, and nothing else. docs/WHY.md has the formulas and their sources.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "why/marked_text.h"
#include "why/prefix_scores.h"

namespace medgen::why {

struct Question {
  MarkedText prompt;  // its spans are the sources
  MarkedText made;    // its spans are the targets, and sources too where that is asked
  // Unless empty: the targets are one, log p(made) - log p(instead). Tokens of a text that could
  // stand in place of `made`.
  std::vector<TokenId> instead = {};
  // Stands for each token of a part that is out; unset: the part's tokens are taken out.
  std::optional<TokenId> neutral = {};
  std::optional<TokenId> start = {};  // what stands for a prompt of which no token is left
  int vocabulary = 0;                 // of the tokenizer

  bool contrasts() const { return !instead.empty(); }
  std::size_t targets() const { return contrasts() ? 1 : made.spans.size(); }
};

// What was made after a prompt, word by word of both.
Question question_of_words(const Tokenizer& tokenizer, std::vector<TokenId> prompt,
                           std::vector<TokenId> made);

// Asks for the first made word in place of all, and why not `word`. Throws Error(kUsage) for a text
// that does not begin with a word, or with that one.
void contrast_with(Question& question, const Tokenizer& tokenizer, const std::string& word);

// The token that stands for one that is replaced: of "_", a blank to be filled in.
TokenId neutral_token(const Tokenizer& tokenizer);

// Influence in nats: by how much the source raised the log-probability of the target. Below 0: it
// lowered it.
struct Attribution {
  std::size_t targets = 0, sources = 0;
  std::vector<double> influence;        // [targets, sources]
  std::vector<double> errors = {};      // the same shape: standard errors; empty: exact
  std::vector<double> sum_errors = {};  // [sources]: of sums(); empty: exact
  std::optional<double> gap = {};       // see TokenInfluence

  double at(std::size_t target, std::size_t source) const {
    return influence[target * sources + source];
  }
  std::vector<double> sums() const;  // [sources]: over all targets
};

// Which of the prompt's spans are out.
using SpansOut = std::vector<bool>;

// What the model says of the made text where some spans of the prompt are out.
class Erasure {
 public:
  // What is referred to must outlive it. `before_step` as in PrefixScores.
  Erasure(Backend& backend, const Question& question, std::function<void()> before_step = {});

  const Question& question() const { return question_; }

  // Of each target, [targets]: log p(target | all before it), or the one difference.
  const std::vector<double>& whole() const { return whole_; }

  // The same for each of `sets`: [sets, targets]. Throws Error(kUsage) where nothing is left and
  // nothing may stand for it.
  std::vector<std::vector<double>> without(std::span<const SpansOut> sets);

  // The same without each word of the made text: [words, targets]. A word that is out changes only
  // those after it: the others are as in whole(). Throws Error(kUsage) for a contrast.
  std::vector<std::vector<double>> without_made();

 private:
  ScoredText text_without(const SpansOut& out, std::span<const TokenId> made) const;
  std::vector<double> values_of(const std::vector<double>& made_scores,
                                const std::vector<double>& instead_scores) const;

  const Question& question_;
  PrefixScores scores_;
  std::vector<double> whole_;
};

// log p(target | whole prompt) - log p(target | prompt without the source), for each. With
// `include_made` the words of the made text are sources behind those of the prompt.
Attribution occlusion(Erasure& erasure, bool include_made);

struct ShapleyOptions {
  int permutations = 100;  // where there are more than kMostExactSpans; at least 2
  std::uint64_t seed = 0;
};
inline constexpr std::size_t kMostExactSpans = 10;

// Shapley values of the game in which the players are the spans and a coalition's worth is the log-
// probability of the target with all other spans out. Over all coalitions up to kMostExactSpans;
// beyond from random permutations, with the standard errors of their means.
Attribution shapley(Erasure& erasure, const ShapleyOptions& options);

// What a method finds that looks into the model: row-major [n_targets, n_inputs]. A target is a
// token of the made text; inputs are all tokens of prompt and made text, and those that do not
// stand before the target have zero.
struct TokenInfluence {
  std::size_t n_targets = 0, n_inputs = 0;
  std::vector<float> influence;
  // Of a complete method, whose influences on a target add up to what all inputs change of it: the
  // most by which they miss that, over the targets.
  std::optional<double> gap = {};
};

// Summed over the tokens of each source and each target. Throws std::logic_error for another
// shape.
Attribution summed_over_words(const TokenInfluence& tokens, const Question& question,
                              bool include_made);

}  // namespace medgen::why
