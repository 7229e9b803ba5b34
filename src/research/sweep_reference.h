// How likely a model finds texts it did not make, as needed for comparison with human texts.
#pragma once

#include <optional>
#include <vector>

#include "medgen/backend.h"
#include "medgen/tokenizer.h"
#include "research/sample.h"

namespace medgen::research {

// What a model reads: prompt, then text, whose ids are those it was generated as where known.
JoinedTokens tokens_as_read(const Sample& sample, const Tokenizer& tokenizer);

// Fills tokens, num_tokens and logprob of each: of the text's own tokens after its prompt, or after
// `start` where there is none (without that the first token is context alone and not counted).
// Tokens that a sample has are kept if they spell its text; else prompt and text are encoded
// together, as the model would have read them. Texts longer than the context go through it in
// windows that overlap by half.
void score_texts(Backend& backend, const Tokenizer& tokenizer, std::optional<TokenId> start,
                 std::vector<Sample>& samples);

}  // namespace medgen::research
