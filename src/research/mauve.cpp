// See the header.
#include "research/mauve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "engine/fixed_math.h"
#include "research/symmetric_eigen.h"

namespace medgen::research {
namespace {

constexpr std::uint32_t kClusterStream = 0x40000006U;  // of random numbers
constexpr double kExplained = 0.9;
constexpr int kStarts = 5, kMostRounds = 500;
constexpr int kMixtures = 25;
constexpr double kCurveScale = 5, kEdge = 1e-6;  // mixtures from kEdge to 1 - kEdge

void normalise(Points& points) {
  for (std::size_t i = 0; i < points.count; ++i) {
    double* row = points.values.data() + i * points.width;
    double square = 0;
    for (std::size_t j = 0; j < points.width; ++j) square += row[j] * row[j];
    const double length = square > 0 ? std::sqrt(square) : 1;
    for (std::size_t j = 0; j < points.width; ++j) row[j] /= length;
  }
}

void centre(Points& points) {
  std::vector<double> mean(points.width);
  for (std::size_t i = 0; i < points.count; ++i) {
    for (std::size_t j = 0; j < points.width; ++j) mean[j] += points[i][j];
  }
  for (double& value : mean) value /= static_cast<double>(points.count);
  for (std::size_t i = 0; i < points.count; ++i) {
    for (std::size_t j = 0; j < points.width; ++j) points.values[i * points.width + j] -= mean[j];
  }
}

Points transposed(const Points& points) {
  Points result{points.width, points.count, std::vector<double>(points.values.size())};
  for (std::size_t i = 0; i < points.count; ++i) {
    for (std::size_t j = 0; j < points.width; ++j) {
      result.values[j * points.count + i] = points[i][j];
    }
  }
  return result;
}

// X^T X of rows X, summed row by row.
std::vector<double> products(const Points& points) {
  const std::size_t n = points.width;
  std::vector<double> sums(n * n);
  for (std::size_t i = 0; i < points.count; ++i) {
    const auto row = points[i];
    for (std::size_t a = 0; a < n; ++a) {
      double* to = sums.data() + a * n;
      for (std::size_t b = 0; b < n; ++b) to[b] += row[a] * row[b];
    }
  }
  return sums;
}

// A round of k-means. Centres lie side by side, [width, clusters], so that a row's distances to all
// of them grow together.
class Rounds {
 public:
  Rounds(const Points& points, std::span<const std::uint32_t> start)
      : points_(points), clusters_(start.size()), centres_(points.width * start.size()) {
    for (std::size_t c = 0; c < clusters_; ++c) {
      for (std::size_t j = 0; j < points.width; ++j) at(j, c) = points[start[c]][j];
    }
    result_.of.assign(points.count, 0);
    nearest_.resize(points.count);
  }

  Clusters run() {
    for (int round = 0; round < kMostRounds && assign(); ++round) move_centres();
    assign();
    for (const double distance : nearest_) result_.distance += distance;
    return std::move(result_);
  }

 private:
  double& at(std::size_t place, std::size_t cluster) {
    return centres_[place * clusters_ + cluster];
  }

  // Says whether a row changed its cluster, which all do at first.
  bool assign() {
    bool changed = is_first_;
    is_first_ = false;
    std::vector<double> distances(clusters_);
    for (std::size_t i = 0; i < points_.count; ++i) {
      std::fill(distances.begin(), distances.end(), 0.0);
      for (std::size_t j = 0; j < points_.width; ++j) {
        const double value = points_[i][j];
        const double* centre = centres_.data() + j * clusters_;
        for (std::size_t c = 0; c < clusters_; ++c) {
          const double apart = value - centre[c];
          distances[c] += apart * apart;
        }
      }
      const auto least = std::min_element(distances.begin(), distances.end());
      const auto cluster = static_cast<std::uint32_t>(least - distances.begin());
      changed = changed || cluster != result_.of[i];
      result_.of[i] = cluster;
      nearest_[i] = *least;
    }
    return changed;
  }

  void move_centres() {
    std::vector<double> members(clusters_);
    for (const std::uint32_t cluster : result_.of) members[cluster] += 1;
    for (std::size_t c = 0; c < clusters_; ++c) {
      if (members[c] == 0) move_furthest(static_cast<std::uint32_t>(c), members);
    }
    std::fill(centres_.begin(), centres_.end(), 0.0);
    for (std::size_t i = 0; i < points_.count; ++i) {
      for (std::size_t j = 0; j < points_.width; ++j) at(j, result_.of[i]) += points_[i][j];
    }
    for (std::size_t j = 0; j < points_.width; ++j) {
      for (std::size_t c = 0; c < clusters_; ++c) at(j, c) /= std::max(1.0, members[c]);
    }
  }

  void move_furthest(std::uint32_t to, std::vector<double>& members) {
    const auto furthest = std::max_element(nearest_.begin(), nearest_.end());
    if (!(*furthest > 0)) return;  // fewer different rows than clusters
    *furthest = 0;
    std::uint32_t& cluster = result_.of[static_cast<std::size_t>(furthest - nearest_.begin())];
    members[cluster] -= 1;
    members[to] += 1;
    cluster = to;
  }

  const Points& points_;
  std::size_t clusters_;
  std::vector<double> centres_, nearest_;
  Clusters result_;
  bool is_first_ = true;
};

// sum p ln(p / r), r being above 0 wherever p is.
double divergence(const std::vector<double>& p, const std::vector<double>& r) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0) sum += p[i] * engine::fixed_log64(p[i] / r[i]);
  }
  return sum;
}

std::vector<double> shares(std::span<const double> counts, double extra) {
  double all = 0;
  for (const double count : counts) all += count + extra;
  std::vector<double> result;
  for (const double count : counts) result.push_back((count + extra) / all);
  return result;
}

}  // namespace

Points principal_components(Points points) {
  normalise(points);
  centre(points);
  // Of the two products that have the same eigenvalues, the smaller.
  const bool few_rows = points.count < points.width;
  const SymmetricEigen eigen = leading_eigen(products(few_rows ? transposed(points) : points),
                                             std::min(points.count, points.width), kExplained);
  Points result{points.count, eigen.vectors.size(), {}};
  for (std::size_t i = 0; i < points.count; ++i) {
    for (std::size_t k = 0; k < result.width; ++k) {
      if (few_rows) {
        result.values.push_back(eigen.vectors[k][i] * std::sqrt(eigen.values[k]));
        continue;
      }
      double along = 0;
      for (std::size_t j = 0; j < points.width; ++j) along += points[i][j] * eigen.vectors[k][j];
      result.values.push_back(along);
    }
  }
  return result;
}

Clusters k_means(const Points& points, std::span<const std::uint32_t> start) {
  return Rounds(points, start).run();
}

Clusters k_means(const Points& points, std::size_t clusters, std::uint64_t seed) {
  Clusters best{{}, std::numeric_limits<double>::infinity()};
  for (int start = 0; start < kStarts; ++start) {
    std::vector<std::uint32_t> rows =
        base::permutation(static_cast<std::uint32_t>(points.count),
                          {seed, static_cast<std::uint64_t>(start), kClusterStream});
    rows.resize(std::min(clusters, rows.size()));
    Clusters found = k_means(points, rows);
    if (found.distance < best.distance) best = std::move(found);
  }
  return best;
}

std::size_t mauve_clusters(std::size_t texts, std::size_t others) {
  const double tenth = std::nearbyint(static_cast<double>(std::min(texts, others)) / 10);
  return std::max<std::size_t>(2, static_cast<std::size_t>(tenth));
}

double mauve_area(std::span<const double> counts, std::span<const double> others, double extra) {
  const std::vector<double> p = shares(counts, extra), q = shares(others, extra);
  // The curve of (e^-5 KL(q|r), e^-5 KL(p|r)) over mixtures r of both, from (1, 0) to (0, 1).
  double x = 1, y = 0, area = 0;
  const auto go_to = [&](double next_x, double next_y) {
    area += (x - next_x) * (y + next_y) / 2;
    x = next_x;
    y = next_y;
  };
  std::vector<double> mixed(p.size());
  for (int m = 0; m < kMixtures; ++m) {
    const double weight = kEdge + (1 - 2 * kEdge) * m / (kMixtures - 1);
    for (std::size_t i = 0; i < p.size(); ++i) mixed[i] = weight * p[i] + (1 - weight) * q[i];
    go_to(engine::fixed_exp64_any(-kCurveScale * divergence(q, mixed)),
          engine::fixed_exp64_any(-kCurveScale * divergence(p, mixed)));
  }
  go_to(0, 1);
  return area;
}

}  // namespace medgen::research
