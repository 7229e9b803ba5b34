// Two models on the same texts and items.
#pragma once

#include "research/bootstrap.h"
#include "research/evaluation.h"

namespace medgen::research {

// Bits per byte of a second model minus the first's.
struct PairedTexts {
  double difference = 0;
  Interval interval;   // 95 %, percentiles of resampled documents, the same for both
  double p_value = 1;  // of permutation_p_values(), exchanging documents
  std::size_t documents = 0;
};

// Throws Error(kUsage) unless both have the same documents.
PairedTexts compare_texts(const TextEvaluation& first, const TextEvaluation& second,
                          int resamples = 10'000, std::uint64_t seed = 0);

// A second model's accuracy minus the first's.
struct PairedChoices {
  double difference = 0;
  Interval interval;                              // 95 %, Newcombe's for pairs
  std::uint64_t only_first = 0, only_second = 0;  // items that this one alone got right
  double p_value = 1;                             // McNemar's test (1947), exact
};

// `right` tells what counts: ItemScore::right or right_normalized.
PairedChoices compare_choices(const ChoiceEvaluation& first, const ChoiceEvaluation& second,
                              bool (ItemScore::*right)() const);

// Two-sided p of `hits` among n fair coins.
double binomial_p_value(std::uint64_t hits, std::uint64_t n);

}  // namespace medgen::research
