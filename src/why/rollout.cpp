#include "why/rollout.h"

namespace medgen::why {

Rollout::Rollout(std::size_t tokens) : tokens_(tokens), passed_(tokens * tokens, 0.0) {
  for (std::size_t i = 0; i < tokens; ++i) passed_[i * tokens + i] = 1;
}

void Rollout::add_layer(std::span<const float> attention) {
  std::vector<double> mixed(tokens_);
  // From the last row up: a row needs those above it as they were.
  for (std::size_t i = tokens_; i-- > 0;) {
    mixed.assign(tokens_, 0.0);
    for (std::size_t from = 0; from <= i; ++from) {
      const auto weight = static_cast<double>(attention[i * tokens_ + from]);
      const double* passed = &passed_[from * tokens_];
      for (std::size_t j = 0; j <= from; ++j) mixed[j] += weight * passed[j];
    }
    double* own = &passed_[i * tokens_];
    for (std::size_t j = 0; j <= i; ++j) own[j] = 0.5 * (mixed[j] + own[j]);
  }
}

std::span<const double> Rollout::row(std::size_t position) const {
  return std::span<const double>(passed_).subspan(position * tokens_, tokens_);
}

std::vector<double> Rollout::influence(std::span<const int> targets) const {
  std::vector<double> all;
  all.reserve(targets.size() * tokens_);
  for (const int target : targets) {
    const auto before = row(static_cast<std::size_t>(target) - 1);
    all.insert(all.end(), before.begin(), before.end());
  }
  return all;
}

}  // namespace medgen::why
