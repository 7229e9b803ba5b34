// Chooses the next token from a row of logits. Pure: logits, parameters and a coin in [0, 1) go in,
// a token and its log-probabilities come out. Must not know of models, slots or texts.
//
// Order and edge rules are those of Hugging Face's `generate`:
//   temperature  score = logit / temperature, in float32
//   top_k        scores below the k-th highest go; ties with it stay
//   top_p        softmax over what is left; from the most likely down, tokens stay while the mass
//   before
//                them is below top_p, so the one that crosses stays; among equals the lowest id is
//                first
// Probabilities are float32, their sums double, in an order that does not depend on how a set was
// selected.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "medgen/params.h"
#include "medgen/tokenizer.h"

namespace medgen {

struct Draw {
  TokenId token = 0;
  double logprob = 0;            // of the model: log-softmax of the logits as they came
  double processed_logprob = 0;  // of the distribution that was drawn from; 0 when greedy
};

// Keeps its buffers between calls; one per thread.
class Sampler {
 public:
  // logits: [vocab], -inf allowed. `params` must have passed validate(). Throws Error(kRuntime) if
  // a logit is NaN or +inf or all are -inf.
  Draw sample(std::span<const float> logits, const SamplingParams& params, double coin);

  // [vocab]: the probabilities that sample() draws from.
  std::vector<float> processed_probabilities(std::span<const float> logits,
                                             const SamplingParams& params);

 private:
  struct Candidate {
    TokenId id = 0;
    float score = 0;
    double weight = 0;  // e^(score - highest score); 0 below e^-87
  };

  void collect(std::span<const float> logits, float highest, const SamplingParams& params);
  float kth_highest(std::size_t k);
  void weigh();
  void keep_top_p(double top_p);

  std::vector<float> scores_;          // [vocab]
  std::vector<float> reservoir_;       // the highest scores so far
  std::vector<Candidate> candidates_;  // what may be drawn, in order of id
  std::vector<Candidate> ranked_;      // the part of it that top-p has to sort
  float highest_score_ = 0;
  double total_ = 0;  // sum of the candidates' weights, in order of id
};

}  // namespace medgen
