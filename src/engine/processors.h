// The processors: each changes scores, [vocab], where -inf means a removed token. Formulas and
// sources are in docs/SAMPLING.md.
#pragma once

#include <span>

#include "engine/steps.h"
#include "medgen/params.h"

namespace medgen::engine::processors {

using Scores = std::span<double>;

void guidance_scale(const SamplingParams&, const DecodingContext&, Scores);
void sequence_bias(const SamplingParams&, const DecodingContext&, Scores);
void repetition_penalty(const SamplingParams&, const DecodingContext&, Scores);
void no_repeat_ngram_size(const SamplingParams&, const DecodingContext&, Scores);
void encoder_repetition_penalty(const SamplingParams&, const DecodingContext&, Scores);
void encoder_no_repeat_ngram_size(const SamplingParams&, const DecodingContext&, Scores);
void bad_words(const SamplingParams&, const DecodingContext&, Scores);
void min_length(const SamplingParams&, const DecodingContext&, Scores);
void min_new_tokens(const SamplingParams&, const DecodingContext&, Scores);
void forced_bos_token_id(const SamplingParams&, const DecodingContext&, Scores);
void forced_eos_token_id(const SamplingParams&, const DecodingContext&, Scores);
void exponential_decay_length_penalty(const SamplingParams&, const DecodingContext&, Scores);
void suppress_tokens(const SamplingParams&, const DecodingContext&, Scores);
void begin_suppress_tokens(const SamplingParams&, const DecodingContext&, Scores);
void logit_bias(const SamplingParams&, const DecodingContext&, Scores);
void frequency_penalty(const SamplingParams&, const DecodingContext&, Scores);
void presence_penalty(const SamplingParams&, const DecodingContext&, Scores);
void dry(const SamplingParams&, const DecodingContext&, Scores);
void renormalize_logits(const SamplingParams&, const DecodingContext&, Scores);

}  // namespace medgen::engine::processors
