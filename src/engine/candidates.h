// The tokens that may still be drawn, and the few queries that filters need. Arithmetic in double,
// in an order that depends on nothing but the candidates themselves.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::engine {

// What a setting as extreme as it may be makes of a score stays within this, so that sums of
// squares over a vocabulary stay finite. Scores of usual settings are far from it.
inline constexpr double kLargestScore = 1e150;

class Candidates {
 public:
  // All tokens whose score is above -inf.
  void assign(std::span<const double> scores);
  void assign(std::span<const float> logits, float highest);
  // Only those at least as high as `lowest`. block_maxima: of each kRowBlock logits.
  void assign(std::span<const float> logits, float lowest, std::span<const float> block_maxima);

  std::size_t size() const { return id_.size(); }
  TokenId id(std::size_t i) const { return id_[i]; }       // ascending
  double logit(std::size_t i) const { return logit_[i]; }  // score before any temperature
  double score(std::size_t i) const {
    return std::clamp(logit_[i] / temperature_, -kLargestScore, kLargestScore);
  }
  double highest_logit() const { return highest_; }
  double temperature() const { return temperature_; }
  double scale() const;  // 1 / temperature(), at most kLargestScore
  void divide(double temperature) { temperature_ *= temperature, weighed_ = false; }

  double exponent(std::size_t i) const { return (logit_[i] - highest_) * scale(); }

  // softmax(scores)[i] = weight(i) / total(). The highest score weighs 1.
  double weight(std::size_t i) { return weights()[i]; }
  std::span<const double> weights();
  double total() { return weights(), total_; }
  double probability(std::size_t i) { return weight(i) / total(); }
  double log_probability(std::size_t i);  // natural
  double entropy();                       // nats
  std::size_t best();                     // the highest score, the lowest id among equals

  // Keeps those with keep[i] != 0.
  void keep(std::span<const std::uint8_t> keep);
  // Keeps those at these places, ascending.
  void keep_places(std::span<const std::uint32_t> places);
  // Keeps logits of at least that.
  void keep_from(double lowest_logit);

  double kth_highest_logit(std::size_t k);
  double log_total();

  std::vector<std::uint8_t>& marks() { return marks_; }  // scratch, [size()]
  std::vector<std::uint32_t>& order() { return order_; }

 private:
  void measure(bool highest_stays);
  void shrunk(std::size_t kept);

  std::vector<TokenId> id_;
  std::vector<double> logit_, weight_;
  std::vector<double> scratch_;
  std::vector<std::uint8_t> marks_;
  std::vector<std::uint32_t> order_;
  double highest_ = 0, temperature_ = 1, total_ = 0;
  bool weighed_ = false;
};

}  // namespace medgen::engine
