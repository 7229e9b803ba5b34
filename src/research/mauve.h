// MAUVE (Pillutla, Swayamdipta, Zellers, Thickstun, Welleck, Choi, Harchaoui: "MAUVE: measuring the
// gap between neural text and human text using divergence frontiers", NeurIPS 2021): how alike two
// sets of texts are, given as points that a model makes of them. Plain arithmetic in a fixed order:
// the same bits on every processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace medgen::research {

// Rows of a table.
struct Points {
  std::size_t count = 0, width = 0;
  std::vector<double> values;  // [count, width]

  std::span<const double> operator[](std::size_t row) const {
    return std::span(values).subspan(row * width, width);
  }
};

// Each row at length 1, then the principal components that together explain 90 % of the variance.
Points principal_components(Points points);

// Lloyd's k-means from the rows `start` as centres until no row changes its cluster, at most 500
// times. A cluster that loses all rows gets the one furthest from its own centre.
struct Clusters {
  std::vector<std::uint32_t> of;  // the cluster of each row
  double distance = 0;            // sum of squares to the centres
};
Clusters k_means(const Points& points, std::span<const std::uint32_t> start);

// From five random starts, the one whose distances are least.
Clusters k_means(const Points& points, std::size_t clusters, std::uint64_t seed);

// How many clusters MAUVE's authors take: a tenth of the texts of the smaller set, 2 at least.
std::size_t mauve_clusters(std::size_t texts, std::size_t others);

// The area below the divergence curve of two histograms over the same clusters: 25 mixtures, scale
// 5. From 0 to 1, which is for equal ones. `extra` is added to every count: 0 is MAUVE, 1/2 is
// MAUVE* (Pillutla and others, JMLR 2023, with Krichevsky and Trofimov's smoothing).
double mauve_area(std::span<const double> counts, std::span<const double> others, double extra);

}  // namespace medgen::research
