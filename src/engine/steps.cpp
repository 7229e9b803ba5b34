// The registry and the three traditions of its order; see steps.h.
#include "engine/steps.h"

#include <algorithm>

#include "base/refuse.h"
#include "base/value_shown.h"
#include "engine/settings.h"
#include "engine/settings_table.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

using P = SamplingParams;

// Where the traditions put the steps. A new one that none of them has need not be named.
const std::vector<std::string_view> kHf = {"guidance_scale",
                                           "sequence_bias",
                                           "encoder_repetition_penalty",
                                           "repetition_penalty",
                                           "no_repeat_ngram_size",
                                           "encoder_no_repeat_ngram_size",
                                           "bad_words",
                                           "min_length",
                                           "min_new_tokens",
                                           "forced_bos_token_id",
                                           "forced_eos_token_id",
                                           "exponential_decay_length_penalty",
                                           "suppress_tokens",
                                           "begin_suppress_tokens",
                                           "logit_bias",
                                           "frequency_penalty",
                                           "presence_penalty",
                                           "dry_multiplier",
                                           "temperature",
                                           "top_h",
                                           "top_k",
                                           "top_p",
                                           "min_p",
                                           "typical_p",
                                           "epsilon_cutoff",
                                           "eta_cutoff",
                                           "top_n_sigma",
                                           "xtc_probability",
                                           "mirostat",
                                           "renormalize_logits"};

const std::vector<std::string_view> kVllm = {"guidance_scale",
                                             "bad_words",
                                             "min_length",
                                             "min_new_tokens",
                                             "no_repeat_ngram_size",
                                             "encoder_no_repeat_ngram_size",
                                             "forced_bos_token_id",
                                             "forced_eos_token_id",
                                             "exponential_decay_length_penalty",
                                             "suppress_tokens",
                                             "begin_suppress_tokens",
                                             "sequence_bias",
                                             "logit_bias",
                                             "encoder_repetition_penalty",
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
                                              "encoder_repetition_penalty",
                                              "repetition_penalty",
                                              "frequency_penalty",
                                              "presence_penalty",
                                              "no_repeat_ngram_size",
                                              "encoder_no_repeat_ngram_size",
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

bool is_filter(std::string_view name, std::span<const Step> all) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Step& step) { return step.name == name && step.filter != nullptr; });
}

std::vector<Step> steps_in_order() {
  std::vector<Step> all;
  for (const SettingEntry& entry : settings_table()) {
    if (entry.step.active != nullptr) all.push_back({entry.step, entry.info.name});
  }
  const std::vector<std::string_view> names = with_unnamed(kHf, all);
  const auto place = [&](const Step& step) {
    return std::find(names.begin(), names.end(), step.name);
  };
  std::sort(all.begin(), all.end(),
            [&](const Step& a, const Step& b) { return place(a) < place(b); });
  return all;
}

const Step* find_step(std::string_view name) {
  const std::span<const Step> all = steps();
  const auto step =
      std::find_if(all.begin(), all.end(), [&](const Step& s) { return s.name == name; });
  return step == all.end() ? nullptr : &*step;
}

std::vector<const Step*> pointers(const std::vector<std::string_view>& names) {
  std::vector<const Step*> all;
  for (const std::string_view name : names) all.push_back(find_step(name));
  return all;
}

using base::refuse;

std::vector<const Step*> named_steps(const std::vector<std::string>& names) {
  std::vector<const Step*> all;
  std::vector<std::string> known;
  for (const Step& step : steps()) known.emplace_back(step.name);
  for (const std::string& name : names) {
    const Step* step = find_step(name == "xtc"   ? "xtc_probability"
                                 : name == "dry" ? "dry_multiplier"
                                                 : name);
    if (step == nullptr) {
      std::string message =
          "sampler_order names a step that does not exist: " + base::word_shown(name, known) + "; ";
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
  for (const Step& step : steps()) {
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
  const Step* last = find_step("renormalize_logits");
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

std::span<const Step> steps() {
  static const std::vector<Step> all = steps_in_order();
  return all;
}

std::vector<std::string_view> with_unnamed(std::vector<std::string_view> names,
                                           std::span<const Step> all) {
  for (const Step& step : all) {
    if (std::find(names.begin(), names.end(), step.name) != names.end()) continue;
    const auto is_first = [&](std::string_view name) { return is_filter(name, all); };
    const auto is_last = [&](std::string_view name) {
      return is_filter(name, all) && name != "temperature" && name != "mirostat";
    };
    const auto place = step.filter == nullptr
                           ? std::find_if(names.begin(), names.end(), is_first)
                           : std::find_if(names.rbegin(), names.rend(), is_last).base();
    names.insert(place, step.name);
  }
  return names;
}

bool is_named_order(std::string_view order) {
  return order == "hf" || order == "vllm" || order == "llama";
}

std::vector<std::string_view> named_order(std::string_view order) {
  return with_unnamed(order == "vllm" ? kVllm : order == "llama" ? kLlama : kHf, steps());
}

std::vector<const Step*> ordered_steps(const SamplingParams& params) {
  static const auto kHf = pointers(named_order("hf"));
  static const auto kVllmSteps = pointers(named_order("vllm"));
  static const auto kLlamaSteps = pointers(named_order("llama"));
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
