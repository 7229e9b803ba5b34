// See the header.
#include "base/vocabulary.h"

#include <fmt/format.h>

namespace medgen::base {

void require_all_ids(const Tokenizer& tokenizer, int vocab_size, const VocabularyWords& words,
                     ErrorCode code) {
  if (tokenizer.vocab_size() <= vocab_size) return;
  throw Error(code, fmt::format("{} has {} ids but {} {}; {}", words.tokenizer,
                                tokenizer.vocab_size(), words.model, vocab_size, words.remedy));
}

}  // namespace medgen::base
