// The registry and the three traditions of its order; see steps.h.
#include "engine/steps.h"

#include <algorithm>
#include <array>

#include "base/refuse.h"
#include "engine/filters.h"
#include "engine/processors.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

using P = SamplingParams;
using C = DecodingContext;

void temperature(const P& p, const C&, Candidates& c) {
  if (p.dynatemp_range > 0) {
    filters::dynamic_temperature(c, p.temperature, p.dynatemp_range, p.dynatemp_exponent);
  } else {
    filters::temperature(c, p.temperature);
  }
}

// The coin comes from a different stream than the draw's, so that XTC shifts nothing.
void xtc(const P& p, const C& context, Candidates& c) {
  if (context.xtc_coin < p.xtc_probability) filters::xtc(c, p.xtc_threshold);
}

#define MEDGEN_PROCESSOR(NAME, ACTIVE)                                          \
  Step {                                                                        \
#NAME, [](const P& p) -> bool { return ACTIVE; }, processors::NAME, nullptr \
  }
#define MEDGEN_FILTER(NAME, ACTIVE, CALL)                                                        \
  Step {                                                                                         \
#NAME, [](const P& p) -> bool { return ACTIVE; }, nullptr,                                   \
                                                   [](const P& p, const C& x,                    \
                                                      Candidates& c) { (void)p, (void)x, CALL; } \
  }

// In Hugging Face's order.
const std::array kSteps = {
    MEDGEN_PROCESSOR(guidance_scale, p.guidance_scale != 1),
    MEDGEN_PROCESSOR(sequence_bias, !p.sequence_bias.empty()),
    MEDGEN_PROCESSOR(repetition_penalty, p.repetition_penalty != 1),
    MEDGEN_PROCESSOR(no_repeat_ngram_size, p.no_repeat_ngram_size > 0),
    MEDGEN_PROCESSOR(bad_words, !p.bad_words.empty()),
    MEDGEN_PROCESSOR(min_length, p.min_length > 0),
    MEDGEN_PROCESSOR(min_new_tokens, p.min_new_tokens > 0),
    MEDGEN_PROCESSOR(forced_bos_token_id, p.forced_bos_token_id.has_value()),
    MEDGEN_PROCESSOR(forced_eos_token_id, !p.forced_eos_token_id.empty()),
    MEDGEN_PROCESSOR(exponential_decay_length_penalty,
                     p.exponential_decay_length_penalty.has_value()),
    MEDGEN_PROCESSOR(suppress_tokens, !p.suppress_tokens.empty()),
    MEDGEN_PROCESSOR(begin_suppress_tokens, !p.begin_suppress_tokens.empty()),
    MEDGEN_PROCESSOR(logit_bias, !p.logit_bias.empty()),
    MEDGEN_PROCESSOR(frequency_penalty, p.frequency_penalty != 0),
    MEDGEN_PROCESSOR(presence_penalty, p.presence_penalty != 0),
    Step{"dry_multiplier", [](const P& p) { return p.dry_multiplier > 0; }, processors::dry,
         nullptr},
    MEDGEN_FILTER(temperature, p.temperature != 1 || p.dynatemp_range > 0, temperature(p, x, c)),
    MEDGEN_FILTER(top_h, p.top_h.has_value(), filters::top_h(c, *p.top_h)),
    MEDGEN_FILTER(top_k, p.top_k > 0, filters::top_k(c, static_cast<std::size_t>(p.top_k))),
    MEDGEN_FILTER(top_p, p.top_p < 1, filters::top_p(c, p.top_p)),
    MEDGEN_FILTER(min_p, p.min_p > 0, filters::min_p(c, p.min_p)),
    MEDGEN_FILTER(typical_p, p.typical_p < 1, filters::typical_p(c, p.typical_p)),
    MEDGEN_FILTER(epsilon_cutoff, p.epsilon_cutoff > 0,
                  filters::epsilon_cutoff(c, p.epsilon_cutoff)),
    MEDGEN_FILTER(eta_cutoff, p.eta_cutoff > 0, filters::eta_cutoff(c, p.eta_cutoff)),
    MEDGEN_FILTER(top_n_sigma, p.top_n_sigma > 0, filters::top_n_sigma(c, p.top_n_sigma)),
    MEDGEN_FILTER(xtc_probability, p.xtc_probability > 0 && p.xtc_threshold <= 0.5, xtc(p, x, c)),
    MEDGEN_FILTER(mirostat, p.mirostat == 2, filters::mirostat(c, x.mirostat_mu)),
    MEDGEN_PROCESSOR(renormalize_logits, p.renormalize_logits),
};
#undef MEDGEN_PROCESSOR
#undef MEDGEN_FILTER

const std::vector<std::string_view> kVllm = {"guidance_scale",
                                             "bad_words",
                                             "min_length",
                                             "min_new_tokens",
                                             "no_repeat_ngram_size",
                                             "forced_bos_token_id",
                                             "forced_eos_token_id",
                                             "exponential_decay_length_penalty",
                                             "suppress_tokens",
                                             "begin_suppress_tokens",
                                             "sequence_bias",
                                             "logit_bias",
                                             "repetition_penalty",
                                             "frequency_penalty",
                                             "presence_penalty",
                                             "dry_multiplier",
                                             "temperature",
                                             "min_p",
                                             "top_k",
                                             "top_p",
                                             "top_h",
                                             "typical_p",
                                             "epsilon_cutoff",
                                             "eta_cutoff",
                                             "top_n_sigma",
                                             "xtc_probability",
                                             "mirostat",
                                             "renormalize_logits"};

const std::vector<std::string_view> kLlama = {"guidance_scale",
                                              "sequence_bias",
                                              "logit_bias",
                                              "repetition_penalty",
                                              "frequency_penalty",
                                              "presence_penalty",
                                              "no_repeat_ngram_size",
                                              "bad_words",
                                              "min_length",
                                              "min_new_tokens",
                                              "forced_bos_token_id",
                                              "forced_eos_token_id",
                                              "exponential_decay_length_penalty",
                                              "suppress_tokens",
                                              "begin_suppress_tokens",
                                              "dry_multiplier",
                                              "top_n_sigma",
                                              "top_k",
                                              "typical_p",
                                              "top_p",
                                              "min_p",
                                              "xtc_probability",
                                              "top_h",
                                              "epsilon_cutoff",
                                              "eta_cutoff",
                                              "temperature",
                                              "mirostat",
                                              "renormalize_logits"};

const Step* find(std::string_view name) {
  const auto step =
      std::find_if(kSteps.begin(), kSteps.end(), [&](const Step& s) { return s.name == name; });
  return step == kSteps.end() ? nullptr : &*step;
}

std::vector<const Step*> pointers(const std::vector<std::string_view>& names) {
  std::vector<const Step*> all;
  for (const std::string_view name : names) all.push_back(find(name));
  return all;
}

using base::refuse;

std::vector<const Step*> named_steps(const std::vector<std::string>& names) {
  std::vector<const Step*> all;
  std::vector<std::string> known;
  for (const Step& step : kSteps) known.emplace_back(step.name);
  for (const std::string& name : names) {
    const Step* step = find(name == "xtc"   ? "xtc_probability"
                            : name == "dry" ? "dry_multiplier"
                                            : name);
    if (step == nullptr) {
      std::string message =
          "sampler_order names the step \"" + name.substr(0, 60) + "\", which does not exist; ";
      known.insert(known.end(), {"hf", "vllm", "llama"});
      const std::string nearest = nearest_setting(name, known);
      if (!nearest.empty()) message += "did you mean \"" + nearest + "\"? ";
      refuse(message + "It must be hf, vllm, llama or names of steps such as top_k,temperature");
    }
    if (std::find(all.begin(), all.end(), step) != all.end()) {
      refuse("sampler_order names " + name + " twice; each step happens once");
    }
    all.push_back(step);
  }
  return all;
}

// A list of names: processors not listed come first, in Hugging Face's order; a filter that
// is on must be in it.
std::vector<const Step*> explicit_steps(const P& params) {
  const std::vector<const Step*> named = named_steps(params.sampler_order);
  std::vector<const Step*> all;
  for (const Step& step : kSteps) {
    if (!step.active(params) || std::find(named.begin(), named.end(), &step) != named.end())
      continue;
    if (step.filter != nullptr) {
      refuse(std::string(step.name) +
             " is set but sampler_order does not name it: add it, or leave " +
             std::string(step.name) + " out");
    }
    if (step.name != "renormalize_logits") all.push_back(&step);
  }
  for (const Step* step : named) {
    if (step->active(params)) all.push_back(step);
  }
  const Step* last = find("renormalize_logits");
  if (last->active(params) && std::find(all.begin(), all.end(), last) == all.end())
    all.push_back(last);
  return all;
}

std::vector<const Step*> active_of(std::span<const Step* const> order, const P& params) {
  std::vector<const Step*> active;
  for (const Step* step : order) {
    if (step->active(params)) active.push_back(step);
  }
  return active;
}

}  // namespace

std::span<const Step> steps() { return kSteps; }

bool is_named_order(std::string_view order) {
  return order == "hf" || order == "vllm" || order == "llama";
}

std::vector<std::string_view> named_order(std::string_view order) {
  if (order == "vllm") return kVllm;
  if (order == "llama") return kLlama;
  std::vector<std::string_view> names;
  for (const Step& step : kSteps) names.push_back(step.name);
  return names;
}

std::vector<const Step*> ordered_steps(const SamplingParams& params) {
  static const auto kHf = pointers(named_order("hf"));
  static const auto kVllmSteps = pointers(kVllm);
  static const auto kLlamaSteps = pointers(kLlama);
  const std::string& first = params.sampler_order.front();
  if (params.sampler_order.size() == 1 && is_named_order(first)) {
    return active_of(first == "hf" ? kHf : first == "vllm" ? kVllmSteps : kLlamaSteps, params);
  }
  return explicit_steps(params);
}

void check_order(const SamplingParams& params) {
  if (params.sampler_order.empty()) {
    refuse("sampler_order is empty; it must be hf, vllm, llama or names of steps");
  }
  ordered_steps(params);
}

}  // namespace medgen::engine
