// Temperature, top-k, top-p and the draw; see sampler.h for the rules. Loops over the whole
// vocabulary are written in lanes so that they vectorise while their order of summation stays
// fixed.
#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>

#include "engine/fixed_exp.h"
#include "medgen/error.h"

namespace medgen {
namespace {

constexpr std::size_t kLanes = 64;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// a - b for fixed_exp().
float below(float a, float b) {
  const float difference = a - b;
  return difference < kFixedExpLowest ? kFixedExpLowest : difference;
}

// The highest logit. Throws if no distribution can be made of the row.
float checked_maximum(std::span<const float> logits) {
  std::array<float, kLanes> best;
  best.fill(-kInfinity);
  std::array<int, kLanes> broken{};
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float x = logits[i + lane];
      best[lane] = x > best[lane] ? x : best[lane];
      broken[lane] |= x != x ? 1 : 0;
    }
  }
  for (; i < logits.size(); ++i) {
    best[0] = logits[i] > best[0] ? logits[i] : best[0];
    broken[0] |= std::isnan(logits[i]) ? 1 : 0;
  }
  const float highest = *std::max_element(best.begin(), best.end());
  if (std::find(broken.begin(), broken.end(), 1) != broken.end() || !std::isfinite(highest)) {
    throw Error(
        ErrorCode::kRuntime,
        "the model gives NaN or infinite logits, of which no token can be chosen; its weights "
        "are damaged or overflow in this precision: verify the model, or convert it again with "
        "--dtype fp32");
  }
  return highest;
}

// log(sum(e^logit)).
double log_sum_exp(std::span<const float> logits, float highest) {
  std::array<double, kLanes> sums{};
  std::array<float, kLanes> block;
  for (std::size_t i = 0; i < logits.size(); i += kLanes) {
    block.fill(kFixedExpLowest);
    const std::size_t n = std::min(kLanes, logits.size() - i);
    for (std::size_t lane = 0; lane < n; ++lane) block[lane] = below(logits[i + lane], highest);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += static_cast<double>(fixed_exp(block[lane]));
    }
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return highest + std::log(total);
}

}  // namespace

Draw Sampler::sample(std::span<const float> logits, const SamplingParams& params, double coin) {
  const float highest = checked_maximum(logits);
  const double normalizer = log_sum_exp(logits, highest);
  const auto draw = [&](TokenId id, double processed) {
    return Draw{id, static_cast<double>(logits[static_cast<std::size_t>(id)]) - normalizer,
                processed};
  };
  if (params.temperature == 0) {
    const auto first = std::find(logits.begin(), logits.end(), highest);
    return draw(static_cast<TokenId>(first - logits.begin()), 0);
  }
  collect(logits, highest, params);
  const double target = coin * total_;
  const Candidate* chosen = &candidates_.back();
  double cumulative = 0;
  for (const Candidate& candidate : candidates_) {
    if (candidate.weight == 0) continue;
    chosen = &candidate;
    cumulative += candidate.weight;
    if (cumulative > target) break;
  }
  return draw(chosen->id, static_cast<double>(chosen->score) - highest_score_ - std::log(total_));
}

std::vector<float> Sampler::processed_probabilities(std::span<const float> logits,
                                                    const SamplingParams& params) {
  std::vector<float> probabilities(logits.size(), 0.0F);
  if (params.temperature == 0) {
    probabilities[static_cast<std::size_t>(sample(logits, params, 0).token)] = 1;
    return probabilities;
  }
  collect(logits, checked_maximum(logits), params);
  for (const Candidate& candidate : candidates_) {
    probabilities[static_cast<std::size_t>(candidate.id)] =
        static_cast<float>(candidate.weight / total_);
  }
  return probabilities;
}

// Fills candidates_ with what may be drawn.
void Sampler::collect(std::span<const float> logits, float highest, const SamplingParams& params) {
  // A tiny temperature would push every score over float's range; then only differences count.
  const float offset = std::isfinite(highest / params.temperature) ? 0.0F : highest;
  highest_score_ = (highest - offset) / params.temperature;
  scores_.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    scores_[i] = (logits[i] - offset) / params.temperature;
  }
  float lowest = -std::numeric_limits<float>::max();  // leaves out -inf, which cannot be drawn
  const auto k = static_cast<std::size_t>(params.top_k);
  if (k > 0 && k < scores_.size()) lowest = std::max(lowest, kth_highest(k));
  candidates_.clear();
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    if (scores_[i] >= lowest) candidates_.push_back({static_cast<TokenId>(i), scores_[i], 0});
  }
  weigh();
  if (params.top_p < 1) keep_top_p(static_cast<double>(params.top_p));
}

// The k-th highest of scores_, in linear time: scores that beat the k-th highest so far are
// gathered, and whenever twice k of them are there, the lower half is thrown away.
float Sampler::kth_highest(std::size_t k) {
  const std::size_t capacity = std::max<std::size_t>(2 * k, 256);
  const auto shrink = [&] {
    const auto kth = reservoir_.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(reservoir_.begin(), kth, reservoir_.end(), std::greater<>());
    reservoir_.resize(k);
    return reservoir_[k - 1];
  };
  reservoir_.assign(scores_.begin(), scores_.begin() + static_cast<std::ptrdiff_t>(k));
  float kth = shrink();
  for (std::size_t i = k; i < scores_.size(); ++i) {
    if (scores_[i] <= kth) continue;
    reservoir_.push_back(scores_[i]);
    if (reservoir_.size() == capacity) kth = shrink();
  }
  return shrink();
}

void Sampler::weigh() {
  for (Candidate& candidate : candidates_) {
    const float exponent = below(candidate.score, highest_score_);
    candidate.weight = exponent > kFixedExpLowest ? static_cast<double>(fixed_exp(exponent)) : 0.0;
  }
  total_ = 0;
  for (const Candidate& candidate : candidates_) total_ += candidate.weight;
}

void Sampler::keep_top_p(double top_p) {
  // All tokens lighter than (1 - p) / n of the mass weigh less than 1 - p together, so none of them
  // can be needed; that leaves little to sort. The half is room for rounding.
  const double light = 0.5 * (1 - top_p) * total_ / static_cast<double>(candidates_.size());
  ranked_.clear();
  for (const Candidate& candidate : candidates_) {
    if (candidate.weight >= light) ranked_.push_back(candidate);
  }
  const auto before = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  };
  std::sort(ranked_.begin(), ranked_.end(), before);
  std::size_t kept = 0;
  for (double mass = 0; kept < ranked_.size() && (kept == 0 || mass < top_p * total_); ++kept) {
    mass += ranked_[kept].weight;
  }
  const Candidate last = ranked_[kept - 1];
  std::erase_if(candidates_, [&](const Candidate& candidate) { return before(last, candidate); });
  weigh();
}

}  // namespace medgen
