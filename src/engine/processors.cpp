// See processors.h.
#include "engine/processors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/candidates.h"
#include "engine/fixed_math.h"

namespace medgen::engine::processors {
namespace {

constexpr double kGone = -std::numeric_limits<double>::infinity();

double& at(Scores scores, TokenId id) { return scores[static_cast<std::size_t>(id)]; }

// Beyond any score that a usual setting gives; what is gone stays gone.
double bounded(double score) {
  return score == kGone ? kGone : std::clamp(score, -kLargestScore, kLargestScore);
}

void remove(Scores scores, std::span<const TokenId> ids) {
  for (const TokenId id : ids) at(scores, id) = kGone;
}

void force(Scores scores, std::span<const TokenId> ids) {
  std::fill(scores.begin(), scores.end(), kGone);
  for (const TokenId id : ids) at(scores, id) = 0;
}

// Whether the context ends with all of `ids` but the last.
bool completes(const DecodingContext& context, std::span<const TokenId> ids) {
  const auto n = static_cast<int>(ids.size());
  if (n - 1 > context.length()) return false;
  for (int i = 0; i + 1 < n; ++i) {
    if (context.at(context.length() - (n - 1) + i) != ids[static_cast<std::size_t>(i)])
      return false;
  }
  return true;
}

// log(sum(e^score)).
template <class T>
double log_sum(std::span<const T> scores) {
  const auto highest = static_cast<double>(*std::max_element(scores.begin(), scores.end()));
  double sum = 0;
  for (const T score : scores) sum += fixed_exp64_any(static_cast<double>(score) - highest);
  return highest + fixed_log64(sum);
}

// Each token of `ids` once.
void penalize(std::vector<TokenId> ids, double penalty, Scores scores) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const TokenId id : ids) {
    double& score = at(scores, id);
    if (score == kGone) continue;
    score = bounded(score < 0 ? score * penalty : score / penalty);
  }
}

// Removes what would repeat `size` tokens that stand in the first `length` of the context.
void remove_repeated(const DecodingContext& context, int length, int size, Scores scores) {
  const int prefix = size - 1;
  const int end = context.length();
  for (int begin = 0; begin + prefix < length; ++begin) {
    bool same = true;
    for (int i = 0; same && i < prefix; ++i) {
      same = context.at(begin + i) == context.at(end - prefix + i);
    }
    if (same) at(scores, context.at(begin + prefix)) = kGone;
  }
}

// How often each token was generated.
std::map<TokenId, int> counts(const DecodingContext& context) {
  std::map<TokenId, int> count;
  for (const TokenId id : context.generated) ++count[id];
  return count;
}

}  // namespace

void guidance_scale(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  if (context.unconditional.empty()) return;
  const double conditional = log_sum<double>(scores);
  const double unconditional = log_sum<float>(context.unconditional);
  const auto gain = [&](std::size_t i) {
    return scores[i] - conditional -
           (static_cast<double>(context.unconditional[i]) - unconditional);
  };
  // What all scores share changes no distribution; without it the best ones stay apart.
  double shared = 0;
  if (std::abs(p.guidance_scale) > 1e30) {
    const double sign = p.guidance_scale > 0 ? 1 : -1;
    double most = kGone;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] != kGone) most = std::max(most, sign * gain(i));
    }
    shared = sign * most;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double u = static_cast<double>(context.unconditional[i]) - unconditional;
    if (scores[i] == kGone) continue;
    const double scaled = shared == 0 ? p.guidance_scale * (scores[i] - conditional - u) + u
                                      : p.guidance_scale * (gain(i) - shared) + u;
    scores[i] = std::clamp(scaled, -kLargestScore, kLargestScore);
  }
}

void sequence_bias(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  for (const SequenceBias& entry : p.sequence_bias) {
    if (!completes(context, entry.ids)) continue;
    double& score = at(scores, entry.ids.back());
    if (score != kGone) score = bounded(score + entry.bias);
  }
}

void repetition_penalty(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  std::vector<TokenId> seen(context.prompt.begin(), context.prompt.end());
  seen.insert(seen.end(), context.generated.begin(), context.generated.end());
  penalize(std::move(seen), p.repetition_penalty, scores);
}

void no_repeat_ngram_size(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  remove_repeated(context, context.length(), p.no_repeat_ngram_size, scores);
}

void encoder_repetition_penalty(const SamplingParams& p, const DecodingContext& context,
                                Scores scores) {
  penalize({context.prompt.begin(), context.prompt.end()}, 1 / p.encoder_repetition_penalty,
           scores);
}

void encoder_no_repeat_ngram_size(const SamplingParams& p, const DecodingContext& context,
                                  Scores scores) {
  remove_repeated(context, static_cast<int>(context.prompt.size()), p.encoder_no_repeat_ngram_size,
                  scores);
}

void bad_words(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  for (const std::vector<TokenId>& word : p.bad_words) {
    const bool lone_eos = word.size() == 1 && std::find(context.eos.begin(), context.eos.end(),
                                                        word[0]) != context.eos.end();
    if (!lone_eos && completes(context, word)) at(scores, word.back()) = kGone;
  }
}

void min_length(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  if (context.length() < p.min_length) remove(scores, context.eos);
}

void min_new_tokens(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  if (static_cast<int>(context.generated.size()) < p.min_new_tokens) remove(scores, context.eos);
}

void forced_bos_token_id(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  if (context.length() == 1) force(scores, {&*p.forced_bos_token_id, 1});
}

void forced_eos_token_id(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  if (context.length() == context.max_length - 1) force(scores, p.forced_eos_token_id);
}

void exponential_decay_length_penalty(const SamplingParams& p, const DecodingContext& context,
                                      Scores scores) {
  const int past =
      static_cast<int>(context.generated.size()) - p.exponential_decay_length_penalty->start;
  if (past <= 0) return;
  const double gain = std::min(
      fixed_power(p.exponential_decay_length_penalty->factor, static_cast<unsigned>(past)) - 1,
      kLargestScore);
  for (const TokenId id : context.eos) {
    double& score = at(scores, id);
    if (score != kGone) score = bounded(score + std::abs(score) * gain);
  }
}

void suppress_tokens(const SamplingParams& p, const DecodingContext&, Scores scores) {
  remove(scores, p.suppress_tokens);
}

void begin_suppress_tokens(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  // After a one-token prompt a forced BOS comes first, and the text begins with the token after it.
  const std::size_t begin = context.prompt.size() > 1 || !p.forced_bos_token_id ? 0 : 1;
  if (context.generated.size() == begin) remove(scores, p.begin_suppress_tokens);
}

void logit_bias(const SamplingParams& p, const DecodingContext&, Scores scores) {
  for (const SequenceBias& entry : p.logit_bias) at(scores, entry.ids.front()) += entry.bias;
}

void frequency_penalty(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  for (const auto& [id, count] : counts(context)) at(scores, id) -= count * p.frequency_penalty;
}

void presence_penalty(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  for (const auto& [id, count] : counts(context)) at(scores, id) -= p.presence_penalty;
}

// z[i]: how many tokens before place i, going back, equal the last ones of the context.
void dry(const SamplingParams& p, const DecodingContext& context, Scores scores) {
  const int length = context.length();
  const int n = p.dry_penalty_last_n < 0 ? length : std::min(length, p.dry_penalty_last_n);
  const auto back = [&](int i) { return context.at(length - 1 - i); };  // 0 is the last token
  const auto breaks = [&](TokenId id) {
    const std::string text = context.tokenizer->token_bytes(id);
    return std::any_of(p.dry_sequence_breakers.begin(), p.dry_sequence_breakers.end(),
                       [&](const std::string& b) { return text.find(b) != std::string::npos; });
  };
  int limit = 0;  // tokens after the last breaker: the longest possible match
  while (limit < n && !(context.tokenizer != nullptr && breaks(back(limit)))) ++limit;
  if (limit < p.dry_allowed_length) return;
  // The Z-function of the reversed context: matches[i] tokens from i back equal those from 0 back.
  std::vector<int> matches(static_cast<std::size_t>(n), 0);
  std::map<TokenId, int> longest;
  for (int i = 1, left = 0, right = 0; i < n; ++i) {
    int& match = matches[static_cast<std::size_t>(i)];
    if (i < right) match = std::min(right - i, matches[static_cast<std::size_t>(i - left)]);
    while (i + match < n && back(match) == back(i + match)) ++match;
    if (i + match > right) left = i, right = i + match;
    int& best = longest[back(i - 1)];  // the token that followed there
    best = std::max(best, std::min(match, limit));
  }
  for (const auto& [id, match] : longest) {
    if (match < p.dry_allowed_length) continue;
    const auto over = static_cast<unsigned>(match - p.dry_allowed_length);
    const double penalty = p.dry_multiplier * fixed_power(p.dry_base, over);
    at(scores, id) -= std::min(penalty, 1e30);  // a long match must not make every score -inf
  }
}

void renormalize_logits(const SamplingParams&, const DecodingContext&, Scores scores) {
  const double log_total = log_sum<double>(scores);
  for (double& score : scores) score -= log_total;
}

}  // namespace medgen::engine::processors
