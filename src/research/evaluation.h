// How well a model predicts text, and how often it prefers the right one of several answers. Sees a
// model only through Backend; knows nothing of files' places or of how results are shown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "corpus/documents.h"
#include "medgen/backend.h"
#include "medgen/tokenizer.h"
#include "research/bootstrap.h"
#include "research/calibration.h"

namespace medgen::research {

// A sequence of which some tokens are to be scored.
struct ScoredSequence {
  std::vector<TokenId> tokens;   // at most n_positions + 1: the last one is not fed
  std::size_t first_scored = 1;  // tokens before it are context alone; at least 1
};

// Log-probabilities (natural, with the bits that generating them would give) of
// tokens[first_scored] and those after it, for each sequence. Sequences go through the backend's
// slots several at once; not more than 128 MiB of logits are requested per step. All slots are
// always released. Throws Error(kRuntime) for logits that are not numbers. Where `guesses` is given
// it gets, for each of those tokens, what the model held likeliest in its place.
std::vector<std::vector<double>> score(Backend& backend, std::span<const ScoredSequence> sequences,
                                       std::vector<std::vector<Guess>>* guesses = nullptr);

enum class Windows {
  kDocuments,  // each document by itself, overlapping windows
  kPacked,     // documents concatenated with EOS between them, adjacent windows: what training logs
};

struct TextEvaluationOptions {
  Windows windows = Windows::kDocuments;

  // kDocuments: tokens by which a window advances, 1 to the context; 0 is half the context. Every
  // token but those of a document's first window has at least (context - stride) tokens before it.
  int stride = 0;

  // kDocuments: what precedes a document's first token, so that this has a probability too.
  // Without it the first token is context alone: neither it nor its bytes are counted.
  std::optional<TokenId> prefix;

  bool calibration = false;  // what TextEvaluation::calibration holds is wanted

  // Called periodically; what it throws ends the evaluation.
  std::function<void(std::uint64_t documents)> progress;
};

struct TextScore {
  double nats = 0;           // -log p of all scored tokens
  std::uint64_t tokens = 0;  // scored; kPacked: an EOS after each document included
  std::uint64_t bytes = 0;   // UTF-8 bytes of the text
  std::uint64_t words = 0;   // what whitespace separates
  std::uint64_t documents = 0;
  double square = 0;  // sum over documents of (nats_d - mean * tokens_d)^2

  double bits_per_byte() const;  // nats / ln 2 / bytes
  double perplexity() const;     // exp(nats / tokens)
  // exp(nats / words) and exp(nats / bytes), which compare across tokenizers, as
  // lm-evaluation-harness has them.
  double word_perplexity() const;
  double byte_perplexity() const;
  // Perplexity's standard error by the delta method, documents being the sample of a ratio
  // estimator (Cochran, "Sampling Techniques", 6.4): perplexity * sqrt(D / (D - 1) * square) /
  // tokens. Nothing for a single document.
  std::optional<double> perplexity_error() const;
};

struct DocumentScore {
  double nats = 0;
  std::uint64_t tokens = 0, bytes = 0, words = 0;
  std::uint32_t source = 0;  // an index into TextEvaluation::sources
};

struct TextEvaluation {
  TextScore all;
  std::vector<std::string> sources;
  std::vector<DocumentScore> documents;          // as read
  std::map<std::string, TextScore> by_source;    // by the "source" field, else the file's name
  int stride = 0;                                // as used
  std::vector<DocumentCalibration> calibration;  // of each document, if that was asked for
};

// Scores documents as they come, holding a few windows and 48 bytes a document; 528 with
// calibration.
class TextEvaluator {
 public:
  TextEvaluator(Backend& backend, const Tokenizer& tokenizer, const TextEvaluationOptions& options);
  void add(const corpus::Document& document);
  TextEvaluation finish();

 private:
  struct Window {
    ScoredSequence sequence;
    std::vector<std::uint32_t> owners;  // the document of each scored token
  };

  void add_windows(const std::vector<TokenId>& tokens, std::uint32_t document);
  void add_packed(const std::vector<TokenId>& tokens, std::uint32_t document);
  void push(Window window);
  void flush();

  Backend& backend_;
  const Tokenizer& tokenizer_;
  TextEvaluationOptions options_;
  std::size_t length_;                 // tokens a window predicts at most: the context
  std::vector<TokenId> stream_;        // kPacked: tokens not yet in a window, and one before them
  std::vector<std::uint32_t> owners_;  // kPacked: of stream_, its first token's left out
  std::vector<Window> pending_;
  std::size_t pending_tokens_ = 0;
  std::vector<DocumentScore> documents_;
  std::vector<DocumentCalibration> calibration_;
  std::vector<std::string> sources_;
  std::map<std::string, std::uint32_t> source_numbers_;
};

struct ChoiceItem {
  std::string prompt;
  std::vector<std::string> choices;  // at least two, none empty
  int answer = 0;                    // index into choices
  std::string type;                  // or empty
};

// Reads lines of {"prompt", "choices", "answer", "type"?}. Throws Error(kRuntime) naming file and
// line of the first that is not one, and for a file without any.
std::vector<ChoiceItem> read_choices(const std::filesystem::path& file);

struct ChoiceOptions {
  // The form of an item; must end with {choice} and name it once.
  std::string form = "Question: {prompt}\nAnswer: {choice}";
  std::optional<TokenId> prefix;  // precedes everything, if the model wants one
  // Other items with their right answers that precede each, in the same form, a blank line after
  // each: drawn for every item anew, by `seed`. Fewer than there are items.
  int shots = 0;
  std::uint64_t seed = 0;
  std::function<void(std::uint64_t items)> progress;
};

// What the model made of one item.
struct ItemScore {
  std::vector<double> logprobs;  // of each choice, summed over its tokens
  int chosen = 0, chosen_normalized = 0;
  int answer = 0;
  std::string type;

  bool right() const { return chosen == answer; }
  bool right_normalized() const { return chosen_normalized == answer; }
};

struct ChoiceScore {
  std::uint64_t items = 0;
  double chance = 0;                       // mean of 1 / number of choices
  double accuracy = 0;                     // by summed log-probability
  double accuracy_normalized = 0;          // by log-probability divided by the choice's characters
  Interval interval, interval_normalized;  // 95 %, Wilson's, items being independent
};

struct ChoiceEvaluation {
  ChoiceScore all;
  std::map<std::string, ChoiceScore> by_type;
  std::vector<ItemScore> items;
  std::uint64_t truncated = 0;  // items whose beginning did not fit the context
};

// Scores every choice after its prompt and takes the likeliest; the first of equals. The
// normalised score divides by the number of characters (code points) of the choice, as
// lm-evaluation-harness's acc_norm does, and the tokens of a choice are those by which the tokens
// of prompt and choice together go beyond the prompt's, as there. A prompt that does not fit loses
// its beginning. Throws Error(kUsage) for a form without {choice} at its end and for `shots` out of
// range.
ChoiceEvaluation evaluate_choices(Backend& backend, const Tokenizer& tokenizer,
                                  const std::vector<ChoiceItem>& items,
                                  const ChoiceOptions& options);

}  // namespace medgen::research
