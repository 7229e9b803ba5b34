// How far an attribution may be trusted: whether the parts of the prompt that it names matter more
// than as many others, and how far two attributions agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "why/attribution.h"

namespace medgen::why {

// What the parts that an attribution names do in one test, against as many drawn at random.
struct TrustTest {
  double named = 0;            // nats a made token; of a contrast, nats
  std::vector<double> others;  // the same, of each other set of as many parts
  double mean_of_others = 0;
  std::size_t others_as_good = 0;  // of the others, those at least as good as the named parts
};

enum class TrustVerdict {
  kBetter,    // in all that follows
  kPartly,    // but the named parts alone carry the text no better than random ones
  kNoBetter,  // without the named parts no more is lost than without random ones, or what sets of
              // parts lose has nothing to do with the influence that they are said to have
  kTooFew,    // fewer than kFewestSets sets of parts: nothing can be said
};
inline constexpr std::size_t kFewestSets = 6;

// Comprehensiveness and sufficiency: DeYoung et al., "ERASER: a benchmark to evaluate rationalized
// NLP models", 2020, with log-probabilities in place of probabilities. Correlation: Bhatt, Weller,
// Moura, "Evaluating and aggregating feature-based model explanations", 2020.
struct Trust {
  TrustVerdict verdict = TrustVerdict::kTooFew;
  std::size_t named = 0;        // a fifth of the parts, rounded up, at least two: the largest sums
  bool all_others = false;      // the other sets are all that there are; else drawn
  TrustTest comprehensiveness;  // what is lost without them: more is better
  TrustTest sufficiency;        // what is lost with them alone: less is better
  // Of the influence that the sets' parts are said to have together, and what is lost without
  // them; unset where one of the two is the same for all.
  std::optional<double> correlation;
  double p = 1;  // one-sided, of no correlation: from random exchanges of what the sets lose
};

struct TrustOptions {
  int draws = 20;  // other sets, at most; at least 1
  std::uint64_t seed = 0;
};

// `sums`: of each span of the prompt. Nothing for fewer than three spans.
std::optional<Trust> trust_in(Erasure& erasure, std::span<const double> sums,
                              const TrustOptions& options);

// Kendall's tau-b (Kendall 1945): 1 is the same order, -1 the opposite, 0 none. Nothing where all
// of one side are equal.
std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b);

}  // namespace medgen::why
