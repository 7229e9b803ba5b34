// See candidates.h.
#include "engine/candidates.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

#include "engine/fixed_math.h"
#include "engine/row_loops.h"

namespace medgen::engine {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

// Times it, a difference of scores is finite: 0 must stay 0, and a weight of 0 times it too.
double Candidates::scale() const { return std::min(1 / temperature_, kLargestScore); }

void Candidates::measure(bool highest_stays) {
  weighed_ = false;
  if (highest_stays) return;
  double best[8];  // lanes, so that the loop vectorises
  std::fill(std::begin(best), std::end(best), -kInfinity);
  std::size_t i = 0;
  for (; i + 8 <= size(); i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) {
      best[lane] = logit_[i + lane] > best[lane] ? logit_[i + lane] : best[lane];
    }
  }
  for (; i < size(); ++i) best[0] = std::max(best[0], logit_[i]);
  highest_ = *std::max_element(std::begin(best), std::end(best));
}

void Candidates::assign(std::span<const double> scores) {
  const bool gaps = std::find(scores.begin(), scores.end(), -kInfinity) != scores.end();
  temperature_ = 1;
  id_.resize(scores.size());
  std::iota(id_.begin(), id_.end(), 0);
  logit_.assign(scores.begin(), scores.end());
  measure(false);
  if (gaps) keep_from(-std::numeric_limits<double>::max());
}

void Candidates::assign(std::span<const float> logits, float highest) {
  temperature_ = 1;
  weighed_ = false;
  id_.resize(logits.size());
  std::iota(id_.begin(), id_.end(), 0);
  logit_.resize(logits.size());
  int gaps = 0;  // a sum without early exit vectorises
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logit_[i] = static_cast<double>(logits[i]);
    gaps |= logits[i] == -std::numeric_limits<float>::infinity() ? 1 : 0;
  }
  highest_ = static_cast<double>(highest);
  if (gaps != 0) keep_from(-std::numeric_limits<double>::max());
}

void Candidates::assign(std::span<const float> logits, float lowest,
                        std::span<const float> block_maxima) {
  temperature_ = 1;
  id_.clear();
  logit_.clear();
  for (std::size_t block = 0; block < block_maxima.size(); ++block) {
    if (block_maxima[block] < lowest) continue;
    const std::size_t end = std::min(logits.size(), (block + 1) * kRowBlock);
    for (std::size_t i = block * kRowBlock; i < end; ++i) {
      if (logits[i] < lowest) continue;
      id_.push_back(static_cast<TokenId>(i));
      logit_.push_back(static_cast<double>(logits[i]));
    }
  }
  measure(false);
}

std::span<const double> Candidates::weights() {
  if (!weighed_) {
    weight_.resize(size());
    total_ = row_loops().weigh(logit_.data(), size(), highest_, scale(), weight_.data());
    weighed_ = true;
  }
  return weight_;
}

double Candidates::log_total() { return fixed_log64(total()); }

double Candidates::log_probability(std::size_t i) { return exponent(i) - log_total(); }

// H = log Z - sum(w x) / Z with x = score - highest.
double Candidates::entropy() {
  const double sum =
      row_loops().weighted_sum(logit_.data(), weights().data(), size(), highest_, scale());
  return log_total() - sum / total_;
}

std::size_t Candidates::best() {
  return static_cast<std::size_t>(std::find(logit_.begin(), logit_.end(), highest_) -
                                  logit_.begin());
}

void Candidates::keep(std::span<const std::uint8_t> keep) {
  constexpr std::size_t kGroup = 8;  // marks checked together
  std::size_t kept = 0;
  const std::size_t n = size();
  const bool weighed = weighed_;
  const auto move = [&](std::size_t i) {
    id_[kept] = id_[i];
    logit_[kept] = logit_[i];
    if (weighed) weight_[kept] = weight_[i];
    kept += keep[i] != 0 ? 1 : 0;
  };
  std::size_t i = 0;
  for (; i + kGroup <= n; i += kGroup) {
    std::uint64_t marks = 0;
    std::memcpy(&marks, keep.data() + i, sizeof marks);
    if (marks == 0) continue;
    for (std::size_t j = i; j < i + kGroup; ++j) move(j);
  }
  for (; i < n; ++i) move(i);
  shrunk(kept);
}

void Candidates::keep_places(std::span<const std::uint32_t> places) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    id_[i] = id_[places[i]];
    logit_[i] = logit_[places[i]];
    if (weighed_) weight_[i] = weight_[places[i]];
  }
  shrunk(places.size());
}

// Only the first `kept` are left.
void Candidates::shrunk(std::size_t kept) {
  const bool weighed = weighed_;
  id_.resize(kept);
  logit_.resize(kept);
  const bool highest_stays = std::find(logit_.begin(), logit_.end(), highest_) != logit_.end();
  measure(highest_stays);
  // Weights stay valid while the highest score does; their sum is recomputed.
  if (weighed && highest_stays) {
    weight_.resize(kept);
    double sums[8] = {};
    for (std::size_t k = 0; k < kept; ++k) sums[k % 8] += weight_[k];
    total_ = std::accumulate(std::begin(sums), std::end(sums), 0.0);
    weighed_ = true;
  }
}

void Candidates::keep_from(double lowest_logit) {
  marks_.resize(size());
  for (std::size_t i = 0; i < size(); ++i) marks_[i] = logit_[i] >= lowest_logit ? 1 : 0;
  keep(marks_);
}

double Candidates::kth_highest_logit(std::size_t k) {
  // In linear time: scores that beat the k-th highest so far are gathered, and whenever there are
  // 2 k of them, the lower half is discarded.
  const std::size_t capacity = std::max<std::size_t>(2 * k, 256);
  const auto shrink = [&] {
    const auto kth = scratch_.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(scratch_.begin(), kth, scratch_.end(), std::greater<>());
    scratch_.resize(k);
    return scratch_[k - 1];
  };
  scratch_.assign(logit_.begin(), logit_.begin() + static_cast<std::ptrdiff_t>(k));
  double kth = shrink();
  for (std::size_t i = k; i < size(); ++i) {
    if (logit_[i] <= kth) continue;
    scratch_.push_back(logit_[i]);
    if (scratch_.size() == capacity) kth = shrink();
  }
  return shrink();
}

}  // namespace medgen::engine
