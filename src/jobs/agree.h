// Many continuations of one text become what they share: a tree of their words, entropies, terms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "medgen/generate.h"
#include "medgen/tokenizer.h"
#include "report/agreement.h"

namespace medgen::jobs {

struct AgreeOptions {
  // Terms whose mentions are counted; without them, the content words that at least `fewest`
  // continuations mention.
  std::optional<std::vector<std::string>> terms;
  int fewest = 2;
  double confidence = 0.95;
  int resamples = 1000;  // of the continuations, for intervals of entropies
};

// `completions` are independent draws of one request, in order of index. Intervals of shares are
// Wilson's; those of entropies come from drawing the continuations again with replacement (Efron
// 1979) and are the basic ones, 2 e - the quantiles (Davison and Hinkley 1997, 5.2.1): the estimate
// is low by about as much as it falls again with each drawing. They depend on the texts alone.
report::Agreement agreement_of(const std::vector<Completion>& completions,
                               const Tokenizer& tokenizer, const AgreeOptions& options);

}  // namespace medgen::jobs
