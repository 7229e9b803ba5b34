// How much each input token moved the log-probability of a token, by derivatives with respect to
// the inputs' embeddings. Nothing of libtorch here.
//
// With x_i the row of the embedding table for input token i (positions' embeddings are held fixed),
// x'_i a baseline, and f(x) the log-probability of a target token given the tokens before it:
//  - gradient x input: sum over k of x_ik * df/dx_ik at x (Shrikumar et al. 2016);
//  - integrated gradients: sum over k of (x_ik - x'_ik) * the integral over a in [0, 1] of df/dx_ik
//    at x' + a (x - x') (Sundararajan et al. 2017, equation 1), by Gauss and Legendre's rule.
// The latter are complete: over the inputs they add up to f(x) - f(x'). How far a sum of finitely
// many steps misses that is told as its gap.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bundle/gpt2_parameters.h"
#include "medgen/model_config.h"
#include "medgen/tokenizer.h"

namespace medgen::torchscript {

enum class GradientMethod { kGradientTimesInput, kIntegratedGradients };

struct GradientAsked {
  std::vector<TokenId> ids;          // the whole text; at least 2, at most the context
  std::vector<std::size_t> targets;  // places in `ids` whose log-probability is asked about; >= 1
  GradientMethod method = GradientMethod::kIntegratedGradients;
  int steps = 50;  // of integrated gradients: points at which the derivative is taken; 1 to 1000
  // Every x'_i is this token's embedding; without one it is zero.
  std::optional<TokenId> baseline = {};
  int threads = 0;  // 0: the cores this process may use
};

struct GradientInfluence {
  std::vector<float> influence;  // [n_targets, n_ids], row-major, nats; 0 from the target on
  std::vector<double> logprobs;  // [n_targets], f(x), nats
  std::vector<double> baseline_logprobs;  // [n_targets], f(x'); integrated gradients alone
  std::vector<double> gaps;               // [n_targets], sum of the row - (f(x) - f(x')); likewise
};

// The points of Gauss and Legendre's rule on [0, 1], ascending, and their weights, which sum to 1
// (Abramowitz and Stegun 1964, 25.4.29).
struct QuadratureRule {
  std::vector<double> points, weights;
};
QuadratureRule gauss_legendre(int count);

// Throws Error(kUsage) for what is out of range, Error(kRuntime) where a derivative is no number.
GradientInfluence gradient_influence(const ModelConfig& config,
                                     const bundle::TensorReader& parameters,
                                     const GradientAsked& asked);

}  // namespace medgen::torchscript
