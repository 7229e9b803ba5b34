// Shapley values (Shapley 1953), exact or from random permutations (Castro, Gomez, Tejada 2009).
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "base/random.h"
#include "why/attribution.h"

namespace medgen::why {
namespace {

constexpr std::uint64_t kShapleyStream =
    0x5348415000000000ULL;  // keeps the draws apart from others
constexpr std::size_t kSetsAtATime = 256;

using TargetValues = std::vector<double>;

// All 2^n coalitions; bit i: span i is in.
std::vector<TargetValues> worth_of_all(Erasure& erasure, std::size_t spans) {
  const std::size_t count = std::size_t{1} << spans;
  std::vector<TargetValues> worth;
  for (std::size_t begin = 0; begin < count; begin += kSetsAtATime) {
    std::vector<SpansOut> sets;
    for (std::size_t set = begin; set < std::min(begin + kSetsAtATime, count); ++set) {
      sets.emplace_back(spans);
      for (std::size_t i = 0; i < spans; ++i) sets.back()[i] = (set >> i & 1U) == 0;
    }
    for (TargetValues& values : erasure.without(sets)) worth.push_back(std::move(values));
  }
  return worth;
}

Attribution exact_shapley(Erasure& erasure, std::size_t spans) {
  const std::vector<TargetValues> worth = worth_of_all(erasure, spans);
  std::vector<double> weight(spans);  // of coalitions of that size: k! (n - k - 1)! / n!
  for (std::size_t size = 0; size < spans; ++size) {
    weight[size] = 1 / static_cast<double>(spans);
    for (std::size_t i = 1; i <= size; ++i) {
      weight[size] *= static_cast<double>(i) / static_cast<double>(spans - i);
    }
  }
  Attribution found{.targets = erasure.whole().size(), .sources = spans, .influence = {}};
  found.influence.resize(found.targets * spans);
  for (std::size_t i = 0; i < spans; ++i) {
    const std::size_t own = std::size_t{1} << i;
    for (std::size_t set = 0; set < worth.size(); ++set) {
      if ((set & own) != 0) continue;
      const double share = weight[static_cast<std::size_t>(std::popcount(set))];
      for (std::size_t t = 0; t < found.targets; ++t) {
        found.influence[t * spans + i] += share * (worth[set | own][t] - worth[set][t]);
      }
    }
  }
  return found;
}

// Mean and its standard error of numbers that come one by one (Welford 1962).
class RunningMean {
 public:
  void add(double value) {
    ++count_;
    const double off = value - mean_;
    mean_ += off / count_;
    squares_ += off * (value - mean_);
  }
  double mean() const { return mean_; }
  double error() const { return std::sqrt(std::max(0.0, squares_) / (count_ - 1) / count_); }

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;
};

// Of several permutations at a time the coalitions that are their beginnings, each computed once.
class SampledWorth {
 public:
  SampledWorth(Erasure& erasure, std::size_t spans) : erasure_(erasure), spans_(spans) {
    known_[SpansOut(spans)] = erasure.whole();
  }

  void want(const SpansOut& out) {
    if (known_.emplace(out, TargetValues()).second) wanted_.push_back(out);
  }
  std::size_t wanted() const { return wanted_.size(); }
  const TargetValues& of(const SpansOut& out) {
    if (!wanted_.empty()) compute();
    return known_.at(out);
  }
  // Forgets what only the last permutations had; the empty and the whole prompt stay.
  void forget() {
    TargetValues none = known_.at(SpansOut(spans_, true));
    known_.clear();
    known_[SpansOut(spans_)] = erasure_.whole();
    known_[SpansOut(spans_, true)] = std::move(none);
  }

 private:
  void compute() {
    std::vector<TargetValues> values = erasure_.without(wanted_);
    for (std::size_t i = 0; i < wanted_.size(); ++i) known_[wanted_[i]] = std::move(values[i]);
    wanted_.clear();
  }

  Erasure& erasure_;
  std::size_t spans_;
  std::map<SpansOut, TargetValues> known_;
  std::vector<SpansOut> wanted_;
};

Attribution sampled_shapley(Erasure& erasure, std::size_t spans, const ShapleyOptions& options) {
  const std::size_t targets = erasure.whole().size();
  std::vector<RunningMean> means(targets * spans), sums(spans);
  SampledWorth worth(erasure, spans);
  std::vector<std::vector<std::uint32_t>> orders;
  const auto add = [&](const std::vector<std::uint32_t>& order) {
    SpansOut out(spans, true);
    TargetValues before = worth.of(out);
    for (const std::uint32_t span : order) {
      out[span] = false;
      const TargetValues& after = worth.of(out);
      double sum = 0;
      for (std::size_t t = 0; t < targets; ++t) {
        means[t * spans + span].add(after[t] - before[t]);
        sum += after[t] - before[t];
      }
      sums[span].add(sum);
      before = after;
    }
  };
  for (int drawn = 0; drawn < options.permutations; ++drawn) {
    orders.push_back(
        base::permutation(static_cast<std::uint32_t>(spans),
                          {options.seed, kShapleyStream, static_cast<std::uint32_t>(drawn)}));
    SpansOut out(spans, true);
    worth.want(out);
    for (const std::uint32_t span : orders.back()) {
      out[span] = false;
      worth.want(out);
    }
    if (worth.wanted() < kSetsAtATime && drawn + 1 < options.permutations) continue;
    for (const auto& order : orders) add(order);
    orders.clear();
    worth.forget();
  }
  Attribution found{.targets = targets, .sources = spans, .influence = {}};
  for (const RunningMean& mean : means) {
    found.influence.push_back(mean.mean());
    found.errors.push_back(mean.error());
  }
  for (const RunningMean& sum : sums) found.sum_errors.push_back(sum.error());
  return found;
}

}  // namespace

Attribution shapley(Erasure& erasure, const ShapleyOptions& options) {
  const std::size_t spans = erasure.question().prompt.spans.size();
  if (spans <= kMostExactSpans) return exact_shapley(erasure, spans);
  return sampled_shapley(erasure, spans, options);
}

}  // namespace medgen::why
