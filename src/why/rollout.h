// Attention rollout (Abnar and Zuidema, "Quantifying attention flow in transformers", ACL 2020,
// section 3): how attention passes a text's tokens on through all layers, if each block gave half
// of its weight to what it attends to and half to what stood there before. It knows nothing of what
// is passed on, so it explains no output; it is offered for comparison.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace medgen::why {

class Rollout {
 public:
  explicit Rollout(std::size_t tokens);

  // The next layer's attention [tokens, tokens], the mean over its heads: row i is what token i
  // attends to, nothing beyond itself, and adds up to 1. R becomes (A + I) / 2 R.
  void add_layer(std::span<const float> attention);

  // What reaches a position from each token, [tokens]: adds up to 1.
  std::span<const double> row(std::size_t position) const;

  // Influence [targets, tokens] of each token on each target, a token of the text from 1 on: the
  // row of the position before it, which it was predicted at. 0 from the target on.
  std::vector<double> influence(std::span<const int> targets) const;

 private:
  std::size_t tokens_;
  std::vector<double> passed_;  // [tokens, tokens]
};

}  // namespace medgen::why
