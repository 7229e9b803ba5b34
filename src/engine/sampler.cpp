// From the steps to a token; see sampler.h.
#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/filters.h"
#include "engine/fixed_math.h"
#include "engine/row_loops.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

constexpr double kGone = -std::numeric_limits<double>::infinity();

bool greedy(const SamplingParams& params) { return params.temperature == 0; }

// 1 / temperature as the draw uses it, finite: 0 times it must stay 0.
float draw_scale(double temperature) {
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(std::min(1 / temperature, kMax));
}

// Where floats hold what the draw needs of a temperature and of scores.
bool usual(double temperature) { return temperature >= 1e-30 && temperature <= 1e30; }
constexpr double kUsualScore = 0x1p20;

std::size_t argmax(std::span<const double> scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

void require_something(std::span<const double> scores) {
  const double highest = *std::max_element(scores.begin(), scores.end());
  if (highest > kGone && highest <= std::numeric_limits<double>::max()) return;
  throw NothingToDraw(
      ErrorCode::kRuntime,
      "the settings leave no token that could be drawn: tokens that are suppressed, banned or "
      "forced, or their biases, rule out every one; loosen one of them");
}

void exclude(const SamplingParams&, const DecodingContext& context, std::span<double> scores) {
  for (const TokenId id : context.excluded) scores[static_cast<std::size_t>(id)] = kGone;
}

// The active steps, and where tokens are excluded a step for that, ahead of the filters.
std::vector<const Step*> steps_for(const SamplingParams& params, const DecodingContext& context) {
  static const Step kExclude{{nullptr, exclude, nullptr}, "never_say"};
  std::vector<const Step*> steps = ordered_steps(params);
  if (context.excluded.empty()) return steps;
  const auto filter = std::find_if(steps.begin(), steps.end(),
                                   [](const Step* step) { return step->filter != nullptr; });
  steps.insert(filter, &kExclude);
  return steps;
}

// How many of the highest tokens are enough for the steps from `first` on, if that is clear
// without the others; otherwise 0.
std::size_t enough(std::span<const Step* const> steps, const SamplingParams& params) {
  for (const Step* step : steps) {
    if (step->name == "temperature" && params.dynatemp_range == 0) continue;
    if (step->name == "top_k") return static_cast<std::size_t>(params.top_k);
    if (step->name == "top_h") return filters::kTopHTokens;
    break;
  }
  return 0;
}

}  // namespace

// The highest logit. Throws if the row gives no distribution.
float Sampler::measure(std::span<const float> logits) {
  maxima_.resize((logits.size() + kRowBlock - 1) / kRowBlock);
  const bool broken = row_loops().block_maxima(logits.data(), logits.size(), maxima_.data());
  const float highest = maxima_.empty() ? -std::numeric_limits<float>::infinity()
                                        : *std::max_element(maxima_.begin(), maxima_.end());
  if (broken || !std::isfinite(highest)) {
    throw Error(
        ErrorCode::kRuntime,
        "the model gives NaN or infinite logits, from which no token can be drawn; its weights "
        "are damaged or overflow in this precision: verify the model, or convert it again with "
        "`dtype` fp32");
  }
  return highest;
}

// The k-th highest logit, after measure(). Blocks whose maxima are not among the k highest maxima
// cannot hold one of the k highest.
float Sampler::top_threshold(std::span<const float> logits, std::size_t k) {
  constexpr float kLowest = -std::numeric_limits<float>::max();  // -inf cannot be drawn
  if (k >= logits.size()) return kLowest;
  const auto kth = [&](std::size_t n) {
    const auto place = reservoir_.begin() + static_cast<std::ptrdiff_t>(n - 1);
    std::nth_element(reservoir_.begin(), place, reservoir_.end(), std::greater<>());
    return *place;
  };
  float bound = -std::numeric_limits<float>::infinity();
  if (k < maxima_.size()) {
    reservoir_ = maxima_;
    bound = kth(k);
  }
  reservoir_.clear();
  for (std::size_t block = 0; block < maxima_.size(); ++block) {
    if (maxima_[block] < bound) continue;
    const std::size_t end = std::min(logits.size(), (block + 1) * kRowBlock);
    for (std::size_t i = block * kRowBlock; i < end; ++i) {
      if (logits[i] >= bound) reservoir_.push_back(logits[i]);
    }
  }
  return std::max(kLowest, kth(k));
}

// Into scores_.
void Sampler::assign_log_softmax(std::span<const float> logits) {
  const float highest = measure(logits);
  scores_.assign(logits.begin(), logits.end());
  candidates_.assign(std::span<const double>(scores_));
  log_total_ = static_cast<double>(highest) + candidates_.log_total();
  for (double& score : scores_) score -= log_total_;
}

// From candidates_ into scores_.
void Sampler::spread_candidates() {
  std::fill(scores_.begin(), scores_.end(), kGone);
  // A score that does not fit is told from the others by its distance from the highest.
  const bool fits =
      std::abs(candidates_.highest_logit()) < kLargestScore * candidates_.temperature();
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    scores_[static_cast<std::size_t>(candidates_.id(i))] =
        fits ? candidates_.score(i) : std::max(candidates_.exponent(i), -kLargestScore);
  }
}

Candidates& Sampler::beam_candidates(std::span<const float> logits, const SamplingParams& params,
                                     const DecodingContext& context) {
  assign_log_softmax(logits);
  bool gathered = false;  // in candidates_; otherwise in scores_
  const auto gather = [&] {
    if (gathered) return;
    require_something(scores_);
    candidates_.assign(std::span<const double>(scores_));
    gathered = true;
  };
  for (const Step* step : ordered_steps(params)) {
    if (step->filter != nullptr) {
      gather();
      step->filter(params, context, candidates_);
      continue;
    }
    if (gathered) spread_candidates();
    gathered = false;
    step->process(params, context, scores_);
  }
  gather();
  return candidates_;
}

std::span<double> Sampler::processed_scores(std::span<const float> logits, bool log_softmax,
                                            const SamplingParams& params,
                                            const DecodingContext& context) {
  if (log_softmax) {
    assign_log_softmax(logits);
  } else {
    measure(logits);
    scores_.assign(logits.begin(), logits.end());
  }
  for (const Step* step : steps_for(params, context)) {
    if (step->process != nullptr) step->process(params, context, scores_);
  }
  require_something(scores_);
  return scores_;
}

// Runs the steps, whose result is in candidates_.
void Sampler::reduce(std::span<const float> logits, float highest, const SamplingParams& params,
                     const DecodingContext& context) {
  const std::vector<const Step*> steps = steps_for(params, context);
  auto step = steps.begin();
  if (step == steps.end() || (*step)->process == nullptr) {
    const std::size_t k = enough(steps, params);
    if (k > 0) {
      candidates_.assign(logits, top_threshold(logits, k), maxima_);
    } else {
      candidates_.assign(logits, highest);
    }
  } else {
    scores_.assign(logits.begin(), logits.end());
    for (; step != steps.end() && (*step)->process != nullptr; ++step) {
      (*step)->process(params, context, scores_);
    }
    require_something(scores_);
    candidates_.assign(std::span<const double>(scores_));
    const std::size_t k = enough({step, steps.end()}, params);
    if (k > 0 && k < candidates_.size()) {
      candidates_.keep_from(candidates_.kth_highest_logit(k));
    }
  }
  for (; step != steps.end(); ++step) apply(**step, params, context);
}

// One step after the first filter.
void Sampler::apply(const Step& step, const SamplingParams& params,
                    const DecodingContext& context) {
  if (step.filter != nullptr) {
    step.filter(params, context, candidates_);
  } else if (step.name != "renormalize_logits") {  // which changes no distribution
    spread_candidates();
    step.process(params, context, scores_);
    require_something(scores_);
    candidates_.assign(std::span<const double>(scores_));
  }
}

Draw Sampler::sample(std::span<const float> logits, const SamplingParams& params,
                     const DecodingContext& context, double coin) {
  const float highest = measure(logits);
  Draw draw;
  double raw_sum = 0, weighted = 0;
  const auto sum_up = [&] {
    const RowLoops& loops = row_loops();
    return params.logprobs ? loops.entropy_sums(logits.data(), logits.size(), highest, &weighted)
                           : loops.exp_sum(logits.data(), logits.size(), highest);
  };
  const std::vector<const Step*> steps = steps_for(params, context);
  const bool processed = std::any_of(steps.begin(), steps.end(),
                                     [](const Step* step) { return step->process != nullptr; });
  if (greedy(params) && !processed && !params.logprobs) {
    const auto block = std::find(maxima_.begin(), maxima_.end(), highest) - maxima_.begin();
    const auto first = logits.begin() + block * static_cast<std::ptrdiff_t>(kRowBlock);
    draw.token = static_cast<TokenId>(std::find(first, logits.end(), highest) - logits.begin());
    raw_sum = sum_up();
  } else if (greedy(params)) {
    draw.token = static_cast<TokenId>(argmax(processed_scores(logits, false, params, context)));
    candidates_.assign(std::span<const double>(scores_));
    const TokenId token = draw.token;
    std::vector<std::uint8_t>& marks = candidates_.marks();
    marks.resize(candidates_.size());
    for (std::size_t i = 0; i < marks.size(); ++i) marks[i] = candidates_.id(i) == token ? 1 : 0;
    candidates_.keep(marks);
    raw_sum = sum_up();
  } else {
    const bool plain = std::all_of(steps.begin(), steps.end(), [&](const Step* step) {
      return step->name == "temperature" || step->name == "renormalize_logits";
    });
    if (plain && params.dynatemp_range == 0 && !params.logprobs && usual(params.temperature)) {
      draw = draw_dense(logits, highest, params.temperature, coin, raw_sum);
    } else {
      raw_sum = sum_up();
      scores_.resize(logits.size());
      reduce(logits, highest, params, context);
      draw = draw_candidates(coin);
    }
  }
  const double log_total = static_cast<double>(highest) + fixed_log64(raw_sum);
  draw.logprob = static_cast<double>(logits[static_cast<std::size_t>(draw.token)]) - log_total;
  if (!params.logprobs) return draw;
  draw.entropy = fixed_log64(raw_sum) - weighted / raw_sum;
  if (*params.logprobs > 0) add_alternatives(draw, logits, log_total, *params.logprobs);
  return draw;
}

// Walks values, [n], in order: the place the coin selects, and the sum of all draw weights.
// raw_sum: of e^(value - highest).
Sampler::Place Sampler::walk(std::span<const float> values, float highest, float scale, double coin,
                             double& raw_sum) {
  sums_.resize((values.size() + kRowBlock - 1) / kRowBlock);
  raw_sum = row_loops().draw_sums(values.data(), values.size(), highest, scale, sums_.data());
  const double total = std::accumulate(sums_.begin(), sums_.end(), 0.0);
  const double target = coin * total;
  double below = 0;
  std::size_t block = 0;
  while (block + 1 < sums_.size() && below + sums_[block] <= target) below += sums_[block++];
  std::size_t chosen = values.size();
  for (std::size_t i = block * kRowBlock; i < values.size(); ++i) {
    const double weight = draw_weight(values[i], highest, scale);
    if (weight == 0) continue;
    chosen = i;
    below += weight;
    if (below > target) break;
  }
  if (chosen == values.size()) {  // the last blocks weigh nothing
    chosen =
        static_cast<std::size_t>(std::find(values.begin(), values.end(), highest) - values.begin());
  }
  return {chosen, total};
}

// Where every token may be drawn there is no need to gather them.
Draw Sampler::draw_dense(std::span<const float> logits, float highest, double temperature,
                         double coin, double& raw_sum) {
  const Place place = walk(logits, highest, draw_scale(temperature), coin, raw_sum);
  const double below = static_cast<double>(logits[place.index]) - static_cast<double>(highest);
  return {static_cast<TokenId>(place.index), 0, below / temperature - fixed_log64(place.total)};
}

Draw Sampler::draw_candidates(double coin) {
  reservoir_.resize(candidates_.size());
  constexpr double kLowest = std::numeric_limits<float>::lowest();
  float highest = 0, scale = 1;  // of exponents
  if (usual(candidates_.temperature()) && std::abs(candidates_.highest_logit()) < kUsualScore) {
    highest = static_cast<float>(candidates_.highest_logit());
    scale = draw_scale(candidates_.temperature());
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      reservoir_[i] = static_cast<float>(std::max(candidates_.logit(i), kLowest));
    }
  } else {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      reservoir_[i] = static_cast<float>(std::max(candidates_.exponent(i), kLowest));
    }
  }
  double unused = 0;
  const Place place = walk(reservoir_, highest, scale, coin, unused);
  return {candidates_.id(place.index), 0, candidates_.log_probability(place.index)};
}

void Sampler::add_alternatives(Draw& draw, std::span<const float> logits, double log_total, int k) {
  const std::size_t n = std::min(static_cast<std::size_t>(k), logits.size());
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto logit = [&](TokenId id) { return logits[static_cast<std::size_t>(id)]; };
  std::partial_sort(
      ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), ids.end(),
      [&](TokenId a, TokenId b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isinf(logit(ids[i]))) break;
    TokenAlternative alternative{ids[i], static_cast<double>(logit(ids[i])) - log_total};
    for (std::size_t j = 0; j < candidates_.size(); ++j) {
      if (candidates_.id(j) == ids[i]) {
        alternative.processed_logprob = candidates_.log_probability(j);
      }
    }
    draw.alternatives.push_back(alternative);
  }
}

std::vector<float> Sampler::processed_probabilities(std::span<const float> logits,
                                                    const SamplingParams& params,
                                                    const DecodingContext& context) {
  const float highest = measure(logits);
  std::vector<float> probabilities(logits.size(), 0.0F);
  if (greedy(params)) {
    probabilities[argmax(processed_scores(logits, false, params, context))] = 1;
    return probabilities;
  }
  scores_.resize(logits.size());
  reduce(logits, highest, params, context);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    probabilities[static_cast<std::size_t>(candidates_.id(i))] =
        static_cast<float>(candidates_.probability(i));
  }
  return probabilities;
}

Candidates& Sampler::distribution(std::span<const float> logits, const SamplingParams& params,
                                  const DecodingContext& context, const StepReport& report) {
  measure(logits);
  scores_.assign(logits.begin(), logits.end());
  candidates_.assign(std::span<const double>(scores_));
  std::vector<double> before(logits.size());
  const auto taken = [&](std::string_view name, const auto& step) {
    std::fill(before.begin(), before.end(), 0.0);
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      before[static_cast<std::size_t>(candidates_.id(i))] = candidates_.probability(i);
    }
    const std::size_t count = candidates_.size();
    step();
    double mass = 0;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      mass += before[static_cast<std::size_t>(candidates_.id(i))];
    }
    if (candidates_.size() == count) mass = 1;  // exactly, despite rounding
    if (report) report(name, candidates_.size(), mass, candidates_);
  };
  for (const Step* step : ordered_steps(params)) {
    if (step->filter != nullptr && greedy(params)) continue;
    taken(step->name, [&] { apply(*step, params, context); });
  }
  if (greedy(params)) {
    taken("greedy", [&] {
      const std::size_t best = candidates_.best();
      std::vector<std::uint8_t> marks(candidates_.size(), 0);
      marks[best] = 1;
      candidates_.keep(marks);
    });
  }
  return candidates_;
}

}  // namespace medgen::engine
