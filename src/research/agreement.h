// How far raters agree.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "research/bootstrap.h"

namespace medgen::research {

// The ratings of one item, as numbers of categories from 0; one that nobody gave is left out.
using RatedItem = std::vector<int>;

enum class Scale { kNominal, kOrdinal };

// Krippendorff's alpha ("Content Analysis", 4th edition, chapter 12): 1 is perfect agreement, 0 is
// that of chance. Items with fewer than two ratings do not count. Nothing where no two ratings can
// be compared, or all are the same.
std::optional<double> krippendorff_alpha(const std::vector<RatedItem>& items, int categories,
                                         Scale scale);

// Percentiles of alpha over resampled items; resamples without an alpha do not count.
std::optional<Interval> krippendorff_interval(const std::vector<RatedItem>& items, int categories,
                                              Scale scale, double confidence, int resamples,
                                              std::uint64_t seed);

}  // namespace medgen::research
