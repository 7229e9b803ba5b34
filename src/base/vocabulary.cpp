// See the header.
#include "base/vocabulary.h"

namespace medgen::base {

void require_all_ids(const Tokenizer& tokenizer, int vocab_size, const VocabularyWords& words,
                     ErrorCode code) {
  if (tokenizer.vocab_size() <= vocab_size) return;
  throw Error(code, words.tokenizer + " has " + std::to_string(tokenizer.vocab_size()) +
                        " ids but " + words.model + " " + std::to_string(vocab_size) + "; " +
                        words.remedy);
}

}  // namespace medgen::base
