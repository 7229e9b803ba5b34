// Whether a tokenizer's ids are all in a model's vocabulary: checked wherever the two first meet.
#pragma once

#include <string>

#include "medgen/error.h"
#include "medgen/tokenizer.h"

namespace medgen::base {

// How a refusal begins and ends: "`tokenizer` has 300 ids but `model` 257; `remedy`".
struct VocabularyWords {
  std::string tokenizer;  // "the tokenizer"
  std::string model;      // "the model's vocab_size is"
  std::string remedy;
};

// Throws Error(code) if the tokenizer has more ids than the model has rows for.
void require_all_ids(const Tokenizer& tokenizer, int vocab_size, const VocabularyWords& words,
                     ErrorCode code = ErrorCode::kModel);

}  // namespace medgen::base
