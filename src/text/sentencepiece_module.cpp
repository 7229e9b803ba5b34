// Loads libmedgen_sentencepiece.so when a SentencePiece model is first asked for. The sentencepiece
// library exports its own copy of protocol buffers; libtorch brings another version under the same
// names, and a process with both in one namespace crashes when loading the second.
#include <fmt/format.h>

#include "base/module.h"
#include "base/refuse.h"
#include "text/sentencepiece/module.h"
#include "text/sentencepiece_check.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/train_tokenizer.h"

namespace medgen::text {
namespace {

const sentencepiece_module::Functions& functions() {
  using Entry = decltype(&medgen_sentencepiece_functions);
  static const auto* const loaded = reinterpret_cast<Entry>(
      base::load_module("libmedgen_sentencepiece.so", "medgen_sentencepiece_functions"))();
  return *loaded;
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string_view model,
                                                        const std::string& source,
                                                        const SentencePieceExtras& extras) {
  check_sentencepiece_model(model, source);
  return functions().make(model, source, extras);
}

void validate(const TokenizerTrainingOptions& options) {
  if (options.vocab_size < 512 || options.vocab_size > 65536) {
    base::refuse_value("vocab_size", fmt::to_string(options.vocab_size), "from 512 to 65536",
                       "8192 suits a corpus of some megabytes");
  }
  if (options.type != "unigram" && options.type != "bpe") {
    base::refuse_value("type", "something else", "unigram or bpe");
  }
  if (!(options.character_coverage >= 0.9 && options.character_coverage <= 1.0)) {
    base::refuse_value("character_coverage", fmt::format("{:g}", options.character_coverage),
                       "from 0.9 to 1", "0.9999 is usual");
  }
}

void load_trainer() { functions(); }

std::string train_tokenizer(const TokenizerTrainingOptions& options, const TextSource& next_text) {
  validate(options);
  return functions().train_model(options, next_text);
}

}  // namespace medgen::text
