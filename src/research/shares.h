// Intervals of shares, which resampling gets wrong where nothing or everything is hit.
#pragma once

#include "research/bootstrap.h"

namespace medgen::research {

// Wilson's score interval (1927) for a share of n; n need not be whole.
Interval wilson_interval(double share, double n, double confidence);

// The same for a share of texts that several prompts gave: with the number of independent texts
// that would vary as much (Korn and Graubard 1998), the variance being that between prompts. Where
// all or none are hit this shows nothing, and each prompt counts as one text.
Interval clustered_wilson_interval(const PromptSums& sums, double confidence);

// Of a - b, from the intervals of both: Newcombe's square-and-add interval, for independent samples
// (1998, Statistics in Medicine 17, 873-890, method 10) or, given their correlation, for pairs
// (the same, 2635-2650).
Interval difference_interval(double a, const Interval& of_a, double b, const Interval& of_b,
                             double correlation = 0);

// Of two shares over the same prompts; 0 where one does not vary.
double correlation(const PromptSums& a, const PromptSums& b);

}  // namespace medgen::research
