#include "why/trust.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "base/random.h"

namespace medgen::why {
namespace {

constexpr std::uint64_t kTrustStream = 0x5452555354000000ULL;  // keeps the draws apart from others
constexpr std::uint64_t kExchangeStream = 0x5452555354000001ULL;
constexpr int kExchanges = 999;
constexpr double kLevel = 0.05;
constexpr double kEqual = 1e-6;  // nats: differences up to this are rounding

// n over k, or `most` if it is more.
std::size_t sets_of(std::size_t n, std::size_t k, std::size_t most) {
  double count = 1;
  for (std::size_t i = 1; i <= k; ++i) {
    count = count * static_cast<double>(n - k + i) / static_cast<double>(i);
    if (count > static_cast<double>(most)) return most;
  }
  return static_cast<std::size_t>(std::lround(count));
}

SpansOut largest_of(std::span<const double> sums, std::size_t count) {
  std::vector<std::size_t> order(sums.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sums[a] > sums[b]; });
  SpansOut set(sums.size());
  for (std::size_t i = 0; i < count; ++i) set[order[i]] = true;
  return set;
}

// All other sets of as many, in order.
std::vector<SpansOut> every_other(const SpansOut& named, std::size_t count) {
  std::vector<SpansOut> others;
  SpansOut set(named.size());
  std::fill(set.end() - static_cast<std::ptrdiff_t>(count), set.end(), true);
  do {
    if (set != named) others.push_back(set);
  } while (std::next_permutation(set.begin(), set.end()));
  return others;
}

std::vector<SpansOut> drawn_others(const SpansOut& named, std::size_t count,
                                   const TrustOptions& options) {
  std::set<SpansOut> seen = {named};
  std::vector<SpansOut> others;
  for (std::uint32_t i = 0; static_cast<int>(others.size()) < options.draws; ++i) {
    const auto order = base::permutation(static_cast<std::uint32_t>(named.size()),
                                         {options.seed, kTrustStream, i});
    SpansOut set(named.size());
    for (std::size_t at = 0; at < count; ++at) set[order[at]] = true;
    if (seen.insert(set).second) others.push_back(std::move(set));
  }
  return others;
}

// What is lost under each of `sets`: the first is the named one.
TrustTest tested(Erasure& erasure, const std::vector<SpansOut>& sets, bool more_is_better) {
  const Question& question = erasure.question();
  const double per = question.contrasts() ? 1 : static_cast<double>(question.made.ids.size());
  const auto total = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  const double whole = total(erasure.whole());
  TrustTest test;
  for (const std::vector<double>& values : erasure.without(sets)) {
    test.others.push_back((whole - total(values)) / per);
  }
  test.named = test.others.front();
  test.others.erase(test.others.begin());
  for (const double other : test.others) {
    test.mean_of_others += other / static_cast<double>(test.others.size());
    const double better = more_is_better ? test.named - other : other - test.named;
    if (better <= kEqual) ++test.others_as_good;
  }
  return test;
}

// Pearson's; nothing where one side has no spread.
std::optional<double> pearson(std::span<const double> a, std::span<const double> b) {
  const auto count = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / count;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / count;
  double both = 0, square_a = 0, square_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += (a[i] - mean_a) * (b[i] - mean_b);
    square_a += (a[i] - mean_a) * (a[i] - mean_a);
    square_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  if (square_a <= count * kEqual * kEqual || square_b <= count * kEqual * kEqual) return {};
  return both / std::sqrt(square_a * square_b);
}

// Fills correlation and p; `said` is the influence of each set, the named one first.
void correlate(Trust& trust, const std::vector<double>& said, std::uint64_t seed) {
  std::vector<double> lost = trust.comprehensiveness.others;
  lost.insert(lost.begin(), trust.comprehensiveness.named);
  trust.correlation = pearson(said, lost);
  if (!trust.correlation) return;
  int as_high = 1;  // itself
  std::vector<double> exchanged(lost.size());
  for (std::uint32_t i = 0; i < kExchanges; ++i) {
    const auto order =
        base::permutation(static_cast<std::uint32_t>(lost.size()), {seed, kExchangeStream, i});
    for (std::size_t at = 0; at < lost.size(); ++at) exchanged[at] = lost[order[at]];
    if (*pearson(said, exchanged) >= *trust.correlation - 1e-12) ++as_high;
  }
  trust.p = static_cast<double>(as_high) / (1 + kExchanges);
}

TrustVerdict verdict_of(const Trust& trust) {
  const TrustTest& without = trust.comprehensiveness;
  const TrustTest& alone = trust.sufficiency;
  if (without.others.size() + 1 < kFewestSets) return TrustVerdict::kTooFew;
  if (trust.p > kLevel || without.named <= without.mean_of_others + kEqual) {
    return TrustVerdict::kNoBetter;
  }
  return alone.named < alone.mean_of_others - kEqual ? TrustVerdict::kBetter
                                                     : TrustVerdict::kPartly;
}

double said_of(const SpansOut& set, std::span<const double> sums) {
  double said = 0;
  for (std::size_t i = 0; i < set.size(); ++i) said += set[i] ? sums[i] : 0;
  return said;
}

}  // namespace

std::optional<Trust> trust_in(Erasure& erasure, std::span<const double> sums,
                              const TrustOptions& options) {
  const std::size_t spans = erasure.question().prompt.spans.size();
  if (spans < 3) return std::nullopt;
  Trust trust;
  trust.named = std::max<std::size_t>(2, (spans + 4) / 5);
  const auto draws = static_cast<std::size_t>(options.draws);
  trust.all_others = sets_of(spans, trust.named, draws + 2) <= draws + 1;
  const SpansOut named = largest_of(sums.first(spans), trust.named);
  std::vector<SpansOut> sets = trust.all_others ? every_other(named, trust.named)
                                                : drawn_others(named, trust.named, options);
  sets.insert(sets.begin(), named);
  trust.comprehensiveness = tested(erasure, sets, true);
  std::vector<double> said;
  for (const SpansOut& set : sets) said.push_back(said_of(set, sums));
  correlate(trust, said, options.seed);
  for (SpansOut& set : sets) set.flip();  // what is out is what was in
  trust.sufficiency = tested(erasure, sets, false);
  trust.verdict = verdict_of(trust);
  return trust;
}

std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  double agreeing = 0, pairs_a = 0, pairs_b = 0;
  const auto sign = [](double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double in_a = sign(a[i] - a[j]), in_b = sign(b[i] - b[j]);
      agreeing += in_a * in_b;
      pairs_a += in_a * in_a;
      pairs_b += in_b * in_b;
    }
  }
  if (pairs_a == 0 || pairs_b == 0) return std::nullopt;
  return agreeing / std::sqrt(pairs_a * pairs_b);
}

}  // namespace medgen::why
