#include "why/lens.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/fixed_math.h"
#include "medgen/error.h"

namespace medgen::why {
namespace {

// Sums over e^(x - highest), the smallest of which count as e^-708.
struct SoftmaxSums {
  double highest = 0;
  double total = 0;     // of e^(x - highest)
  double weighted = 0;  // of (x - highest) e^(x - highest)

  double log_total() const { return highest + engine::fixed_log64(total); }
  double entropy() const { return engine::fixed_log64(total) - weighted / total; }
};

SoftmaxSums softmax_sums(std::span<const float> logits) {
  if (!std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); })) {
    throw Error(ErrorCode::kModel,
                "a layer of the model gives NaN or infinite logits, of which nothing can be said; "
                "its weights are damaged or made for another precision: try `precision` fp32, or "
                "get or convert the model again");
  }
  SoftmaxSums sums;
  sums.highest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  for (const float x : logits) {
    const double below = std::max(static_cast<double>(x) - sums.highest, engine::kFixedExp64Lowest);
    const double weight = engine::fixed_exp64(below);
    sums.total += weight;
    sums.weighted += below * weight;
  }
  return sums;
}

// A total order, so that equal logits change nothing.
bool likelier(std::span<const float> logits, TokenId a, TokenId b) {
  const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
  return x != y ? x > y : a < b;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// What one part adds, `gain` [n_embd] being the scaled weights times the head's column.
Contribution contribution_of(std::span<const double> part, std::span<const double> gain) {
  const double mean = mean_of(part);
  Contribution result;
  double squares = 0;
  for (std::size_t j = 0; j < part.size(); ++j) {
    result.logit += (part[j] - mean) * gain[j];
    squares += part[j] * part[j];
  }
  result.norm = std::sqrt(squares);
  return result;
}

// (w_j u_j) / sqrt(var(x) + epsilon)
std::vector<double> gain_of(const LogitSource& source, std::span<const float> last) {
  const std::vector<double> x(last.begin(), last.end());
  const double mean = mean_of(x);
  double variance = 0;
  for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  const double scale = 1 / std::sqrt(variance + source.norm_epsilon);
  std::vector<double> gain(x.size());
  for (std::size_t j = 0; j < gain.size(); ++j) {
    gain[j] = scale * static_cast<double>(source.norm_weight[j]) *
              static_cast<double>(source.head_column[j]);
  }
  return gain;
}

}  // namespace

LensReader::LensReader(std::span<const float> last, std::optional<TokenId> target) {
  const double log_total = softmax_sums(last).log_total();
  log_p_.reserve(last.size());
  p_.reserve(last.size());
  for (const float x : last) {
    log_p_.push_back(static_cast<double>(x) - log_total);
    p_.push_back(engine::fixed_exp64(std::clamp(log_p_.back(), engine::kFixedExp64Lowest, 0.0)));
  }
  likeliest_ = static_cast<TokenId>(std::max_element(last.begin(), last.end()) - last.begin());
  target_ = target.value_or(likeliest_);
}

LayerReading LensReader::read(std::span<const float> logits, std::size_t top) const {
  const SoftmaxSums sums = softmax_sums(logits);
  const double log_total = sums.log_total();
  const auto probability = [&](TokenId id) {
    const double log_p = static_cast<double>(logits[static_cast<std::size_t>(id)]) - log_total;
    return engine::fixed_exp64(std::clamp(log_p, engine::kFixedExp64Lowest, 0.0));
  };
  LayerReading reading;
  reading.entropy = std::max(sums.entropy(), 0.0);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    reading.divergence += p_[i] * (log_p_[i] - (static_cast<double>(logits[i]) - log_total));
    if (likelier(logits, static_cast<TokenId>(i), target_)) ++reading.rank;
  }
  reading.divergence = std::max(reading.divergence, 0.0);  // what rounding takes below
  reading.probability = probability(target_);

  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t named = std::clamp<std::size_t>(top, 1, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(named), order.end(),
                    [&](TokenId a, TokenId b) { return likelier(logits, a, b); });
  reading.agrees = order.front() == likeliest_;
  for (std::size_t i = 0; i < std::min(top, named); ++i) {
    reading.top.push_back({order[i], probability(order[i])});
  }
  return reading;
}

LogitParts logit_parts(const LogitSource& source) {
  const std::size_t width = source.head_column.size();
  const std::size_t count = source.stream.size() / width;
  const auto at = [&](std::size_t part) { return source.stream.subspan(part * width, width); };
  const std::vector<double> gain = gain_of(source, at(count - 1));

  // Differences of floats, in double: they add up to the last stream again.
  std::vector<double> part(width);
  const auto added = [&](std::span<const float> before, std::span<const float> after) {
    for (std::size_t j = 0; j < width; ++j) {
      part[j] = static_cast<double>(after[j]) - static_cast<double>(before[j]);
    }
    return contribution_of(part, gain);
  };
  LogitParts parts;
  parts.logit = static_cast<double>(source.logit);
  const std::vector<float> nothing(width);
  parts.token = added(nothing, source.token_embedding);
  parts.position = added(source.token_embedding, at(0));
  double sum = parts.token.logit + parts.position.logit;
  for (std::size_t i = 1; i + 1 < count; i += 2) {
    parts.attention.push_back(added(at(i - 1), at(i)));
    parts.mlp.push_back(added(at(i), at(i + 1)));
    sum += parts.attention.back().logit + parts.mlp.back().logit;
  }
  for (std::size_t j = 0; j < width; ++j) {
    parts.bias +=
        static_cast<double>(source.norm_bias[j]) * static_cast<double>(source.head_column[j]);
  }
  parts.rounding = parts.logit - (sum + parts.bias);
  return parts;
}

}  // namespace medgen::why
