// Chooses the next token from a row of logits. Pure: logits, parameters, context and coins in [0,
// 1) go in, a token and its log-probabilities come out. Must not know of models, slots or texts.
//
// The steps (steps.h) decide in double what may be drawn; they are the definition. The draw
// walks the remaining tokens in order of id and depends only on these, their processed logits
// and the temperature: settings that keep the same tokens draw the same one with the same coin.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/candidates.h"
#include "engine/steps.h"
#include "medgen/error.h"
#include "medgen/generate.h"
#include "medgen/params.h"
#include "medgen/tokenizer.h"

namespace medgen::engine {

// The settings leave no token that could be drawn.
class NothingToDraw : public Error {
 public:
  using Error::Error;
};

struct Draw {
  TokenId token = 0;
  double logprob = 0;            // of the model: log-softmax of the logits as they came
  double processed_logprob = 0;  // of the distribution that was drawn from; 0 when greedy
  // Only with SamplingParams::logprobs:
  double entropy = 0;                               // of the model's distribution, nats
  std::vector<TokenAlternative> alternatives = {};  // the likeliest by the model, best first
};

// Keeps its buffers between calls; one per thread.
class Sampler {
 public:
  // logits: [vocab], -inf allowed. `params` must have passed validate() and check_token_ids().
  // Throws Error(kRuntime) if a logit is NaN or +inf or all are -inf, and NothingToDraw where the
  // processors leave nothing.
  Draw sample(std::span<const float> logits, const SamplingParams& params,
              const DecodingContext& context, double coin);
  Draw sample(std::span<const float> logits, const SamplingParams& params, double coin) {
    return sample(logits, params, {}, coin);
  }

  // [vocab]: the probabilities that sample() draws from.
  std::vector<float> processed_probabilities(std::span<const float> logits,
                                             const SamplingParams& params,
                                             const DecodingContext& context = {});

  // All steps in turn, each reported once it is done: `kept` tokens remain, which had `mass`
  // of the probability before it. Greedy decoding ends with a step "greedy". The result stays
  // valid until the next call.
  using StepReport =
      std::function<void(std::string_view name, std::size_t kept, double mass, Candidates&)>;
  Candidates& distribution(std::span<const float> logits, const SamplingParams& params,
                           const DecodingContext& context, const StepReport& report = {});

  // [vocab]: scores after the processors alone; -inf is gone. For beam search, which has
  // log-probabilities processed. Valid until the next call.
  std::span<double> processed_scores(std::span<const float> logits, bool log_softmax,
                                     const SamplingParams& params, const DecodingContext& context);
  // What beam search draws from: the tokens that the steps leave of the row's log-probabilities,
  // with scores that are not normalised again. Valid until the next call.
  Candidates& beam_candidates(std::span<const float> logits, const SamplingParams& params,
                              const DecodingContext& context);
  // What processed_scores() and beam_candidates() subtracted from the logits to turn them into
  // log-probabilities.
  double log_total() const { return log_total_; }

 private:
  float measure(std::span<const float> logits);
  void assign_log_softmax(std::span<const float> logits);
  void spread_candidates();
  void reduce(std::span<const float> logits, float highest, const SamplingParams& params,
              const DecodingContext& context);
  void apply(const Step& step, const SamplingParams& params, const DecodingContext& context);
  float top_threshold(std::span<const float> logits, std::size_t k);
  struct Place {
    std::size_t index = 0;
    double total = 0;
  };
  Place walk(std::span<const float> values, float highest, float scale, double coin,
             double& raw_sum);
  Draw draw_dense(std::span<const float> logits, float highest, double temperature, double coin,
                  double& raw_sum);
  Draw draw_candidates(double coin);
  void add_alternatives(Draw& draw, std::span<const float> logits, double log_total, int k);

  std::vector<float> maxima_;     // of blocks of logits
  std::vector<float> reservoir_;  // scratch
  std::vector<double> sums_;      // of draw weights, by block
  std::vector<double> scores_;    // [vocab]
  Candidates candidates_;
  double log_total_ = 0;
};

}  // namespace medgen::engine
