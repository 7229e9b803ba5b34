// From a row to a request that the model can run, or the reason why not.
// Knows nothing of files or of how a prompt becomes tokens.
#pragma once

#include <functional>

#include "batch/row.h"

namespace medgen::batch {

struct RequestMaker {
  // The tokens of a prompt that is text; may cut a long one, if the user wants that.
  std::function<std::vector<TokenId>(std::string_view prompt, const StoppingParams& stopping)>
      encode;
  DecodingSettings plain;   // what rows start from
  DecodingSettings openai;  // the same for rows of the OpenAI form
  int n_positions = 0;
  int vocab_size = 0;  // of the model
  int max_slots = 1;   // of the backend; search with beams needs some
  const Tokenizer* tokenizer = nullptr;

  // Fills `request`, or sets row.error.
  void make(BatchRow& row, Request& request) const;
};

}  // namespace medgen::batch
