// What a request asks of the sampler. The command line reads its defaults from here, so help and
// code cannot disagree. Names and meanings are those of Hugging Face's `generate`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace medgen {

struct SamplingParams {
  // Divides the logits before sampling; finite, >= 0. 0 is greedy: the most likely token, the
  // lowest id among equals.
  float temperature = 0.7F;

  // Only the top_k highest logits can be drawn; ties with the k-th stay. >= 0; 0 is off.
  int top_k = 50;

  // Only the smallest set of most likely tokens whose mass reaches top_p can be drawn; the token
  // that crosses top_p stays. In (0, 1]; 1 is off.
  float top_p = 1.0F;

  // First word of the random key (seed, request, sample); see base/random.h.
  std::uint64_t seed = 0;
};

struct StoppingParams {
  // Most tokens a sequence may have, prompt included. >= 1. Not used when max_new_tokens is set.
  int max_length = 150;

  // Most tokens to generate, >= 1. Wins over max_length.
  std::optional<int> max_new_tokens = {};

  // Generation ends when the decoded text contains one of these; the text is cut before it.
  std::vector<std::string> stop = {};
};

inline constexpr int kDefaultNumReturnSequences = 3;
inline constexpr int kMaxNumReturnSequences = 4096;

// Throw Error(kUsage) that names the value, the range and the remedy.
void validate(const SamplingParams& params);
void validate(const StoppingParams& params);

}  // namespace medgen
