// What a model would say next after each of its layers, and what each of its parts adds to one
// logit. Numbers alone: must not know of texts, nor of how a model computes.
//
//   logit lens             the final norm and the head on every layer's residual stream
//                          (nostalgebraist, "interpreting GPT: the logit lens", 2020)
//   direct logit           the logit as a sum over what was added to the residual stream, the scale
//   attribution            of the final norm held fixed (Elhage et al., "A mathematical framework
//                          for transformer circuits", 2021)
//
// Layer 0 is the embeddings, layer i what block i, from 1, leaves. Arithmetic in double, in an
// order of its own, so that the bits depend on no processor.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::why {

// Stands with everything that is shown.
inline constexpr std::string_view kLensMeaning =
    "This shows how the model comes to its next word, layer by layer. It says nothing about a "
    "person: a share is the model's habit with such a text, not how likely anything is in life.";
inline constexpr std::string_view kAttentionMeaning =
    "Attention says where a head reads, not why the model says what it says.";

struct LikelyToken {
  TokenId id = 0;
  double probability = 0;
};

// What a layer would say at one position.
struct LayerReading {
  std::vector<LikelyToken> top;  // the likeliest first, the lower id among equals
  double entropy = 0;            // nats
  double divergence = 0;         // D_KL(last layer || this layer), nats
  int rank = 1;                  // of the target; 1 is the likeliest
  double probability = 0;        // of the target
  bool agrees = false;           // its likeliest token is the last layer's
};

// Reads the layers at one position.
class LensReader {
 public:
  // `last`: logits [vocab] of the last layer. The target is its likeliest token if none is given;
  // a given one must be of the vocabulary. Throws Error(kModel) for logits that are not finite.
  explicit LensReader(std::span<const float> last, std::optional<TokenId> target = {});

  TokenId target() const { return target_; }

  // `logits`: [vocab] of a layer. Names the `top` likeliest tokens, or all where there are fewer.
  // Throws Error(kModel) for logits that are not finite.
  LayerReading read(std::span<const float> logits, std::size_t top) const;

 private:
  std::vector<double> log_p_;  // of the last layer, [vocab]
  std::vector<double> p_;
  TokenId likeliest_ = 0;
  TokenId target_ = 0;
};

// What a part of the model adds to the residual stream.
struct Contribution {
  double logit = 0;  // to the target's logit
  double norm = 0;   // length of what it adds, before the final norm
};

// logit = token + position + attention[...] + mlp[...] + bias + rounding.
struct LogitParts {
  double logit = 0;
  Contribution token, position;              // the two embeddings
  std::vector<Contribution> attention, mlp;  // of each block, with their own biases
  double bias = 0;                           // of the final norm
  // What the sum of the others lacks: the model computes in floats, in int8 with rounded inputs.
  double rounding = 0;
};

// What the attribution needs of a model and a position.
struct LogitSource {
  std::span<const float> stream;           // [1 + 2 blocks, n_embd], see native::Observer
  std::span<const float> token_embedding;  // [n_embd], of the token at the position
  std::span<const float> norm_weight;      // [n_embd], of the final norm
  std::span<const float> norm_bias;
  double norm_epsilon = 0;
  std::span<const float> head_column;  // [n_embd], of the target
  float logit = 0;                     // the target's, as the model gives it
};

// With x the last stream, w and b the final norm's weight and bias, u the head's column of the
// target and s = 1 / sqrt(var(x) + epsilon), a part c of x adds sum_j (c_j - mean(c)) s w_j u_j,
// and the bias sum_j b_j u_j.
LogitParts logit_parts(const LogitSource& source);

// Everything that was read of a text.
struct LensPosition {
  int position = 0;  // whose token was read last, from 0
  TokenId target = 0;
  std::vector<LayerReading> layers;  // [1 + blocks]
  LogitParts parts;
};
struct HeadWeights {
  int layer = 1, head = 1;     // from 1
  std::vector<float> weights;  // [positions, tokens]; each row adds up to 1
};
struct LensResult {
  std::vector<TokenId> tokens;
  std::vector<LensPosition> positions;  // in order
  std::vector<HeadWeights> heads;
  std::vector<double> rollout;  // [positions, tokens], or empty
};

}  // namespace medgen::why
