// Loads libmedgen_sentencepiece.so when a SentencePiece model is first asked for. The sentencepiece
// library exports its own copy of protocol buffers; libtorch brings another version under the same
// names, and a process with both in one namespace crashes when loading the second.
#include "base/module.h"
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

std::string train_tokenizer(const TokenizerTrainingOptions& options, const TextSource& next_text) {
  return functions().train_model(options, next_text);
}

}  // namespace medgen::text
