// See the header.
#include "research/paired_evaluation.h"

#include <algorithm>
#include <cmath>

#include "medgen/error.h"
#include "research/shares.h"

namespace medgen::research {
namespace {

constexpr double kConfidence = 0.95;

PromptSums bits_of(const TextEvaluation& evaluation) {
  PromptSums sums;
  for (const DocumentScore& document : evaluation.documents) {
    sums.top.push_back(document.nats / std::log(2.0));
    sums.bottom.push_back(static_cast<double>(document.bytes));
  }
  return sums;
}

void require_equal(std::size_t first, std::size_t second) {
  if (first == second) return;
  throw Error(ErrorCode::kUsage,
              "the two evaluations have different data: compare models on the same");
}

}  // namespace

PairedTexts compare_texts(const TextEvaluation& first, const TextEvaluation& second, int resamples,
                          std::uint64_t seed) {
  require_equal(first.documents.size(), second.documents.size());
  const std::vector<PromptSums> sums = {bits_of(second), bits_of(first)};
  PairedTexts result;
  result.documents = first.documents.size();
  result.difference = sums[0].value() - sums[1].value();
  const auto values = bootstrap(sums, resamples, seed);
  std::vector<double> differences;
  for (std::size_t r = 0; r < values[0].size(); ++r) {
    differences.push_back(values[0][r] - values[1][r]);
  }
  result.interval = percentile_interval(differences, kConfidence)
                        .value_or(Interval{result.difference, result.difference});
  result.p_value =
      permutation_p_values(std::vector{PairedSums{sums.data(), &sums[1]}}, resamples, seed)[0];
  return result;
}

PairedChoices compare_choices(const ChoiceEvaluation& first, const ChoiceEvaluation& second,
                              bool (ItemScore::*right)() const) {
  require_equal(first.items.size(), second.items.size());
  PairedChoices result;
  PromptSums a, b;
  for (std::size_t i = 0; i < first.items.size(); ++i) {
    const bool by_first = (first.items[i].*right)(), by_second = (second.items[i].*right)();
    result.only_first += by_first && !by_second ? 1 : 0;
    result.only_second += by_second && !by_first ? 1 : 0;
    a.top.push_back(by_second ? 1 : 0);
    b.top.push_back(by_first ? 1 : 0);
  }
  a.bottom.assign(a.top.size(), 1);
  b.bottom = a.bottom;
  const auto items = static_cast<double>(a.top.size());
  result.difference = a.value() - b.value();
  result.interval =
      difference_interval(a.value(), wilson_interval(a.value(), items, kConfidence), b.value(),
                          wilson_interval(b.value(), items, kConfidence), correlation(a, b));
  result.p_value = binomial_p_value(result.only_first, result.only_first + result.only_second);
  return result;
}

double binomial_p_value(std::uint64_t hits, std::uint64_t n) {
  const std::uint64_t fewer = std::min(hits, n - hits);
  double tail = 0;
  const auto log_choose = [n](std::uint64_t k) {
    return std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
           std::lgamma(static_cast<double>(n - k) + 1);
  };
  for (std::uint64_t k = 0; k <= fewer; ++k) {
    tail += std::exp(log_choose(k) - static_cast<double>(n) * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace medgen::research
