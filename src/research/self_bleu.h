// How much texts resemble each other: BLEU-4 of one against all others (Zhu and others 2018), as
// nltk's sentence_bleu computes it, with uniform weights, its smoothing method 1 and the closest
// length.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "research/metrics_ngrams.h"

namespace medgen::research {

// Costs as much as reading the texts, however many there are.
class SelfBleu {
 public:
  explicit SelfBleu(const NgramOrders& orders);  // must outlive this

  // Each of `scored` against all others of `among`, which holds it and at least one more.
  std::vector<double> scores(std::span<const std::size_t> among,
                             std::span<const std::size_t> scored);

 private:
  struct Most {  // the most often an n-gram is in one text, and in any other
    std::size_t text = 0;
    std::uint32_t first = 0, second = 0;
  };
  double score(std::size_t text, const std::map<std::size_t, std::size_t>& lengths) const;

  const NgramOrders& orders_;
  std::vector<std::vector<Most>> most_;
};

// For each group of texts the mean score of the others of `scored` against all texts but the
// group's: what SelfBleu would give without it, for the cost of a few readings. Nothing for a group
// that leaves fewer than two texts or none that is scored. Each text is in one of the groups.
std::vector<std::optional<double>> self_bleu_without(
    const NgramOrders& orders, std::span<const std::vector<std::size_t>> groups,
    std::span<const std::size_t> scored);

}  // namespace medgen::research
