// See filters.h. Filters that rank tokens do not sort the vocabulary: they sum weights in buckets
// and sort only the bucket with the decision. If that decision is closer than rounding
// can resolve, everything is sorted and summed in the order of the definition.
#include "engine/filters.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "engine/fixed_math.h"

namespace medgen::engine::filters {
namespace {

constexpr double kRounding = 1e-11;  // of the total; far above the differences of sums in double

// The place in an order of tokens at which a running sum of weights decides.
struct Boundary {
  double key = 0;
  std::uint32_t index = 0;
};

// Some tokens, sorted by key, ties by index, and their weights summed in that order, `below` the
// others'. The first at which the sum exceeds `limit`, if rounding leaves no doubt. key(i) >= 0
// orders the tokens, bucket(key) < kBuckets does too.
constexpr std::size_t kBuckets = 2048;
template <class Key, class Bucket>
std::optional<Boundary> find_boundary(Candidates& c, std::span<const std::uint32_t> tokens, Key key,
                                      Bucket bucket, double below, double limit) {
  const std::span<const double> w = c.weights();
  const double doubt = kRounding * c.total();
  std::array<double, 2 * kBuckets> mass{};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    // Neighbours often share a bucket; two places each keep their sums separate.
    mass[2 * bucket(key(tokens[i])) + i % 2] += w[tokens[i]];
  }
  const auto of = [&](std::size_t place) { return mass[2 * place] + mass[2 * place + 1]; };
  std::size_t place = 0;
  while (place < kBuckets && below + of(place) < limit - doubt) below += of(place++);
  if (place == kBuckets) return std::nullopt;
  std::vector<std::pair<double, std::uint32_t>> here;
  for (const std::uint32_t i : tokens) {
    if (bucket(key(i)) == place) here.emplace_back(key(i), i);
  }
  std::sort(here.begin(), here.end());
  for (const auto& [k, i] : here) {
    below += w[i];
    if (below > limit + doubt) return Boundary{k, i};
    if (below > limit - doubt) return std::nullopt;
  }
  return std::nullopt;
}

// All tokens by key, ties by index.
template <class Key>
const std::vector<std::uint32_t>& full_order(Candidates& c, Key key) {
  std::vector<std::uint32_t>& order = c.order();
  order.resize(c.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return key(a) != key(b) ? key(a) < key(b) : a < b;
  });
  return order;
}

template <class Keep>
void keep_where(Candidates& c, Keep keep) {
  std::vector<std::uint8_t>& marks = c.marks();
  marks.resize(c.size());
  for (std::size_t i = 0; i < c.size(); ++i) marks[i] = keep(i) ? 1 : 0;
  c.keep(marks);
}

// The `least` likeliest and ties with the last of them stay whatever the cutoff.
void keep_probable(Candidates& c, double cutoff, std::size_t least) {
  const std::span<const double> w = c.weights();
  const double total = c.total();
  const double safe =
      least > 1 ? c.kth_highest_logit(std::min(least, c.size())) : c.highest_logit();
  keep_where(c, [&](std::size_t i) { return w[i] / total >= cutoff || c.logit(i) >= safe; });
}

// Runs `filter`; if it leaves fewer than `least` tokens, the first `least` of `ranking` stay
// instead, among which those are.
template <class Filter, class Ranking>
void leave(Candidates& c, std::size_t least, Filter filter, Ranking ranking) {
  if (least <= 1) return filter(c);
  if (c.size() <= least) return;
  Candidates all = c;
  filter(c);
  if (c.size() >= least) return;
  const std::vector<std::uint32_t> order = ranking(all);
  c = std::move(all);
  std::vector<std::uint8_t>& marks = c.marks();
  marks.assign(c.size(), 0);
  for (std::size_t i = 0; i < least; ++i) marks[order[i]] = 1;
  c.keep(marks);
}

// The likeliest first, ties by index from the highest down: the last of what top-p goes through.
std::vector<std::uint32_t> likeliest_first(Candidates& c) {
  std::vector<std::uint32_t> order = full_order(c, [&](std::size_t i) { return c.logit(i); });
  std::reverse(order.begin(), order.end());
  return order;
}

// |-log p - H| of each token, by which typical_p ranks them.
auto distance_from_entropy(Candidates& c) {
  return [&c, entropy = c.entropy(), log_total = c.log_total(), highest = c.highest_logit(),
          scale = c.scale()](std::size_t i) {
    const double log_p = (c.logit(i) - highest) * scale - log_total;
    return std::abs(-log_p - entropy);
  };
}

}  // namespace

void temperature(Candidates& c, double temperature) { c.divide(temperature); }

void dynamic_temperature(Candidates& c, double temperature, double range, double exponent) {
  const double low = std::max(0.0, temperature - range);
  const double high = std::min(temperature + range, std::numeric_limits<double>::max());
  double t = temperature;
  if (c.size() > 1) {
    const double most = fixed_log64(static_cast<double>(c.size()));
    t = low + (high - low) * fixed_pow64(std::min(1.0, c.entropy() / most), exponent);
  }
  if (t > 0) {
    c.divide(t);
  } else {
    const std::size_t best = c.best();
    keep_where(c, [&](std::size_t i) { return i == best; });
  }
}

void top_k(Candidates& c, std::size_t k, std::size_t least) {
  k = std::max(k, least);
  if (k < c.size()) c.keep_from(c.kth_highest_logit(k));
}

namespace {

// The sum of the weights below `light`, and the places of the others.
double split_light(std::span<const double> w, double light, std::vector<std::uint32_t>& heavy) {
  heavy.resize(w.size());
  std::size_t n = 0;
  double below[4] = {};
  for (std::size_t i = 0; i < w.size(); ++i) {
    heavy[n] = static_cast<std::uint32_t>(i);
    n += w[i] >= light ? 1 : 0;
    below[i % 4] += w[i] >= light ? 0 : w[i];
  }
  heavy.resize(n);
  return (below[0] + below[1]) + (below[2] + below[3]);
}

// From the least likely up, tokens go while the sum of those gone is at most 1 - p.
void keep_nucleus(Candidates& c, double p) {
  const std::span<const double> w = c.weights();
  const double limit = (1 - p) * c.total();
  // Together, all tokens lighter than this weigh less than the limit, so they all go.
  const double light = (1 - 1e-9) * limit / static_cast<double>(c.size());
  std::vector<std::uint32_t>& heavy = c.order();
  const double below = split_light(w, light, heavy);
  // A weight's upper bits: the octave and a sixteenth of it.
  const auto bucket = [](double weight) {
    constexpr std::uint64_t kOne = std::bit_cast<std::uint64_t>(1.0) >> 48U;
    const std::uint64_t steps = kOne - (std::bit_cast<std::uint64_t>(weight) >> 48U);
    return kBuckets - 1 - static_cast<std::size_t>(std::min<std::uint64_t>(steps, kBuckets - 1));
  };
  const auto weight = [&](std::size_t i) { return w[i]; };
  std::optional<Boundary> last = find_boundary(c, heavy, weight, bucket, below, limit);
  if (last) {
    // Weights of different logits may be equal; where that matters the logits decide.
    const double lowest = c.logit(last->index);
    std::erase_if(heavy, [&](std::uint32_t i) {
      return c.logit(i) < lowest || (c.logit(i) == lowest && i < last->index);
    });
    return c.keep_places(heavy);
  }
  const auto logit = [&](std::size_t i) { return c.logit(i); };
  std::vector<std::uint32_t> order = full_order(c, logit);
  const double total = c.total();
  double gone = 0;
  std::size_t place = 0;
  for (; place + 1 < order.size(); ++place) {
    gone += w[order[place]] / total;
    if (!(gone <= 1 - p)) break;
  }
  order.erase(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(place));
  std::sort(order.begin(), order.end());
  c.keep_places(order);
}

void keep_above(Candidates& c, double p) {
  const std::span<const double> w = c.weights();
  const double total = c.total();
  const double cutoff = p * (1 / total);
  keep_where(c, [&](std::size_t i) { return w[i] / total >= cutoff; });
}

// Ranked by |-log p - H|: the fewest whose sum reaches p, and ties of the last.
void keep_typical(Candidates& c, double p) {
  const auto key = distance_from_entropy(c);
  const std::span<const double> w = c.weights();
  const auto bucket = [](double k) {
    return static_cast<std::size_t>(std::min(k * 64, static_cast<double>(kBuckets - 1)));
  };
  std::vector<std::uint32_t>& all = c.order();
  all.resize(c.size());
  std::iota(all.begin(), all.end(), 0U);
  const std::optional<Boundary> last = find_boundary(c, all, key, bucket, 0, p * c.total());
  double farthest = last ? last->key : 0;
  if (!last) {
    const std::vector<std::uint32_t>& order = full_order(c, key);
    const double total = c.total();
    double sum = 0;
    std::size_t place = 0;
    for (; place + 1 < order.size(); ++place) {
      sum += w[order[place]] / total;
      if (!(sum < p)) break;
    }
    farthest = key(order[place]);
  }
  keep_where(c, [&](std::size_t i) { return key(i) <= farthest; });
}

}  // namespace

void top_p(Candidates& c, double p, std::size_t least) {
  leave(
      c, least, [p](Candidates& all) { keep_nucleus(all, p); }, likeliest_first);
}

void min_p(Candidates& c, double p, std::size_t least) {
  leave(
      c, least, [p](Candidates& all) { keep_above(all, p); }, likeliest_first);
}

void typical_p(Candidates& c, double p, std::size_t least) {
  leave(
      c, least, [p](Candidates& all) { keep_typical(all, p); },
      [](Candidates& all) { return full_order(all, distance_from_entropy(all)); });
}

void epsilon_cutoff(Candidates& c, double epsilon, std::size_t least) {
  keep_probable(c, epsilon, least);
}

void eta_cutoff(Candidates& c, double eta, std::size_t least) {
  keep_probable(c, std::min(eta, std::sqrt(eta) * fixed_exp64_any(-c.entropy())), least);
}

void top_h(Candidates& c, double h) {
  const auto key = [&](std::size_t i) { return -c.logit(i); };
  if (c.size() > kTopHTokens) {
    // Ties with the last of them: the lowest ids.
    const double lowest = c.kth_highest_logit(kTopHTokens);
    std::size_t above = 0;
    for (std::size_t i = 0; i < c.size(); ++i) above += c.logit(i) > lowest ? 1 : 0;
    keep_where(c, [&](std::size_t i) {
      if (c.logit(i) != lowest) return c.logit(i) > lowest;
      return above++ < kTopHTokens;
    });
  }
  const double limit = h * c.entropy();
  const std::vector<std::uint32_t> order = full_order(c, key);
  std::vector<std::uint8_t>& marks = c.marks();
  marks.assign(c.size(), 0);
  marks[order[0]] = 1;
  double sum = 0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const double p = c.probability(order[place]);
    if (!(p > 0)) break;
    sum += -p * c.log_probability(order[place]);
    if (place > 0 && !(sum <= limit)) break;
    marks[order[place]] = 1;
  }
  c.keep(marks);
}

void top_n_sigma(Candidates& c, double n) {
  double sum = 0;
  for (std::size_t i = 0; i < c.size(); ++i) sum += c.logit(i);
  const double mean = sum / static_cast<double>(c.size());
  double squares = 0;
  for (std::size_t i = 0; i < c.size(); ++i) squares += (c.logit(i) - mean) * (c.logit(i) - mean);
  const double sigma = std::sqrt(squares / static_cast<double>(c.size()));
  c.keep_from(c.highest_logit() - n * sigma);
}

void xtc(Candidates& c, double threshold) {
  std::optional<std::size_t> least;
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (c.probability(i) >= threshold && (!least || c.logit(i) <= c.logit(*least))) least = i;
  }
  if (!least) return;
  keep_where(c, [&](std::size_t i) { return c.probability(i) < threshold || i == *least; });
}

void mirostat(Candidates& c, double mu) {
  constexpr double kLog2 = 0.69314718055994530942;
  const double log_total = c.log_total();
  const double scale = c.scale();
  const std::size_t best = c.best();
  keep_where(c, [&](std::size_t i) {
    const double log_p = (c.logit(i) - c.highest_logit()) * scale - log_total;
    return -log_p / kLog2 <= mu || i == best;
  });
}

}  // namespace medgen::engine::filters
