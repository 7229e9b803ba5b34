// Trains a SentencePiece vocabulary through the sentencepiece library: see text/train_tokenizer.h.
// Part of the module, not of libmedgen.
#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include "medgen/error.h"
#include "text/sentencepiece/module.h"

namespace medgen::text::sentencepiece_module {
namespace {

class SourceIterator : public sentencepiece::SentenceIterator {
 public:
  explicit SourceIterator(const TextSource& next_text) : next_text_(next_text) { Next(); }
  bool done() const override { return done_; }
  void Next() override { done_ = !next_text_(current_); }
  const std::string& value() const override { return current_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const TextSource& next_text_;
  std::string current_;
  bool done_ = false;
};

void validate(const TokenizerTrainingOptions& options) {
  if (options.vocab_size < 512 || options.vocab_size > 65536) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("vocab-size is {}; it must lie between 512 and 65536", options.vocab_size));
  }
  if (options.type != "unigram" && options.type != "bpe") {
    throw Error(ErrorCode::kUsage, "type is '" + options.type + "'; it must be 'unigram' or 'bpe'");
  }
  if (!(options.character_coverage >= 0.9 && options.character_coverage <= 1.0)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("character-coverage is {:f}; it must lie between 0.9 and 1",
                            options.character_coverage));
  }
}

}  // namespace

std::string train(const TokenizerTrainingOptions& options, const TextSource& next_text) {
  validate(options);
  SourceIterator iterator(next_text);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      {{"model_type", options.type},
       {"vocab_size", fmt::to_string(options.vocab_size)},
       {"character_coverage", fmt::format("{:f}", options.character_coverage)},
       {"num_threads", fmt::to_string(options.threads)},
       {"byte_fallback", "true"},
       {"normalization_rule_name", "identity"},
       {"remove_extra_whitespaces", "false"},
       {"split_digits", "true"},
       {"user_defined_symbols", "\n"},
       {"max_sentence_length", "16384"},
       {"hard_vocab_limit", "true"},
       {"minloglevel", "2"}},
      &iterator, &model);
  if (!status.ok()) {
    throw Error(ErrorCode::kRuntime,
                "the vocabulary could not be trained: " + std::string(status.message()) +
                    ". With little text, ask for a smaller `vocab_size`.");
  }
  return model;
}

}  // namespace medgen::text::sentencepiece_module
