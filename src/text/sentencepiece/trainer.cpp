// Trains a SentencePiece vocabulary through the sentencepiece library: see text/train_tokenizer.h.
// Part of the module, not of libmedgen.
#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include "medgen/error.h"
#include "text/sentencepiece/module.h"

namespace medgen::text::sentencepiece_module {
namespace {

class SourceIterator final : public sentencepiece::SentenceIterator {
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

}  // namespace

std::string train(const TokenizerTrainingOptions& options, const TextSource& next_text) {
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
    throw Error(
        ErrorCode::kRuntime,
        "the vocabulary could not be trained: " + std::string(status.message()) +
            ". With little text, ask for a smaller `vocab_size`, down to 512, or give more.");
  }
  return model;
}

}  // namespace medgen::text::sentencepiece_module
