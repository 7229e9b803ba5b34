// See the header.
#include "engine/generation_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "engine/setting_values.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::engine {
namespace {

using Json = SettingsJson;
constexpr KeyUse kNothing = KeyUse::kNothing, kNotDone = KeyUse::kNotDone;
constexpr std::size_t kMostNamed = 8;  // a file may have any number of keys

[[noreturn]] void refuse_key(const std::string& source, const std::string& problem) {
  throw Error(ErrorCode::kModel, source + ": " + problem);
}

const GenerationKey* find_key(std::string_view name) {
  const auto& keys = generation_keys();
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [&](const GenerationKey& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

// Whether the value asks for nothing. Numbers compare by value: 1 and 1.0 are the same.
bool is_idle(const GenerationKey& key, const Json& value) {
  if (value.is_null()) return true;
  const auto idle = base::parse_json<Json>(key.idle);
  return std::find(idle.begin(), idle.end(), value) != idle.end();
}

std::string setting_of(const GenerationKey& key) {
  return std::string(key.setting.empty() ? key.name : key.setting);
}

// Checks the value by itself.
void check_value(const std::string& name, const std::string& setting, const Json& value,
                 const std::string& source) {
  try {
    DecodingSettings alone;
    set_alone(alone, setting, value);
    check_values(alone.sampling);
    check_values(alone.stopping);
  } catch (const SettingError& error) {
    refuse_key(source, name + error.problem());
  } catch (const Error& error) {
    refuse_key(source, name + ": " + error.what());
  }
}

// "a, b and 3 more"; names come from outside.
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += text::replace_invalid_utf8(names[i].substr(0, 80));
  }
  if (names.size() > kMostNamed) text += fmt::format(" and {} more", names.size() - kMostNamed);
  return text;
}

bool sets(const Json& settings, const char* name, const Json& value) {
  return settings.contains(name) && settings[name] == value;
}

// What transformers makes of keys that bear on each other.
void settle_keys(ModelDefaults& model, const std::string& source) {
  Json& s = model.settings;
  if (s.contains("min_new_tokens")) s.erase("min_length");
  if (s.contains("stop")) s["include_stop"] = true;  // transformers does not cut a text
  if (sets(s, "do_sample", true) && sets(s, "temperature", 0)) {
    refuse_key(source,
               "do_sample is true and temperature 0, which draws nothing; correct one of them");
  }
  const bool beams = s.contains("num_beams") && s["num_beams"] > 1;
  if (!beams) return;
  if (s.contains("num_return_sequences") && s["num_return_sequences"] > s["num_beams"]) {
    refuse_key(source, fmt::format("num_return_sequences is {} and num_beams {}; it must be at "
                                   "most the number of beams: correct one of them",
                                   s["num_return_sequences"].dump(), s["num_beams"].dump()));
  }
  if (s.contains("guidance_scale") && s["guidance_scale"] != 1) {
    s.erase("guidance_scale");
    model.notes.push_back(fmt::format(
        "{} sets guidance_scale and num_beams, which do not go together here: there are beams and "
        "no guidance",
        source));
  }
  if (!sets(s, "do_sample", true)) return;
  if (is_setting("beam_sample")) {
    s["beam_sample"] = true;
  } else {
    model.notes.push_back(fmt::format(
        "{} sets do_sample and num_beams, which do not go together here: there are beams, and "
        "nothing is drawn",
        source));
  }
}

void add_notes(ModelDefaults& model, const std::vector<std::string>& not_done,
               const std::vector<std::string>& unknown, const std::string& source) {
  if (!not_done.empty()) {
    model.notes.push_back(fmt::format("{} sets {}; medgen does not do that and goes on without",
                                      source, listed(not_done)));
  }
  if (!unknown.empty()) {
    model.notes.push_back(
        fmt::format("{} sets {}, which medgen does not know: {}", source, listed(unknown),
                    unknown.size() == 1 ? "it changes nothing" : "they change nothing"));
  }
}

}  // namespace

const std::vector<GenerationKey>& generation_keys() {
  static const std::vector<GenerationKey> keys = {
      {.name = "do_sample", .setting = "temperature", .idle = "[false]"},
      {.name = "temperature", .idle = "[1]"},
      {.name = "top_k", .idle = "[50]"},
      {.name = "top_p", .idle = "[1]"},
      {.name = "min_p"},
      {.name = "typical_p", .idle = "[1]"},
      {.name = "epsilon_cutoff", .idle = "[0]"},
      {.name = "eta_cutoff", .idle = "[0]"},
      {.name = "top_h"},
      {.name = "repetition_penalty", .idle = "[1]"},
      {.name = "no_repeat_ngram_size", .idle = "[0]"},
      {.name = "encoder_repetition_penalty", .idle = "[1]"},
      {.name = "encoder_no_repeat_ngram_size", .idle = "[0]"},
      {.name = "bad_words_ids", .setting = "bad_words"},
      {.name = "sequence_bias"},
      {.name = "suppress_tokens"},
      {.name = "begin_suppress_tokens"},
      {.name = "min_length", .idle = "[0]"},
      {.name = "min_new_tokens"},
      {.name = "exponential_decay_length_penalty"},
      {.name = "forced_bos_token_id"},
      {.name = "forced_eos_token_id"},
      {.name = "guidance_scale", .idle = "[1]"},
      {.name = "renormalize_logits", .idle = "[false]"},
      {.name = "num_beams", .idle = "[1]"},
      {.name = "length_penalty", .idle = "[1]"},
      {.name = "early_stopping", .idle = "[false]"},
      {.name = "num_return_sequences", .idle = "[1]"},
      {.name = "max_length", .idle = "[20]"},
      {.name = "max_new_tokens"},
      {.name = "max_time"},
      {.name = "stop_strings", .setting = "stop"},
      {.name = "eos_token_id"},

      {.name = "bos_token_id", .use = kNothing},
      {.name = "pad_token_id", .use = kNothing},
      {.name = "decoder_start_token_id", .use = kNothing},
      {.name = "remove_invalid_values", .use = kNothing},
      {.name = "use_cache", .use = kNothing},
      {.name = "cache_config", .use = kNothing},
      {.name = "max_cache_len", .use = kNothing},
      {.name = "return_legacy_cache", .use = kNothing},
      {.name = "low_memory", .use = kNothing},
      {.name = "prefill_chunk_size", .use = kNothing},
      {.name = "compile_config", .use = kNothing},
      {.name = "disable_compile", .use = kNothing},
      {.name = "continuous_batching_config", .use = kNothing},
      {.name = "output_attentions", .use = kNothing},
      {.name = "output_hidden_states", .use = kNothing},
      {.name = "output_scores", .use = kNothing},
      {.name = "output_logits", .use = kNothing},
      {.name = "return_dict_in_generate", .use = kNothing},
      {.name = "transformers_version", .use = kNothing},
      {.name = "_from_model_config", .use = kNothing},
      {.name = "_commit_hash", .use = kNothing},
      {.name = "_original_object_hash", .use = kNothing},

      {"num_beam_groups", kNotDone, {}, "[1]", "diverse beam search"},
      {"diversity_penalty", kNotDone, {}, "[0]", "diverse beam search"},
      {"penalty_alpha", kNotDone, {}, "[0]", "contrastive search"},
      {"dola_layers", kNotDone, {}, "[]", "DoLa"},
      {"force_words_ids", kNotDone, {}, "[]", "words that must occur"},
      {"constraints", kNotDone, {}, "[]", "words that must occur"},
      {"forced_decoder_ids", kNotDone, {}, "[]", "tokens forced by place"},
      {"token_healing", kNotDone, {}, "[false]", "token healing"},
      {"watermarking_config", kNotDone, {}, "[]", "a watermark"},
      {"cache_implementation",
       kNotDone,
       {},
       R"(["dynamic", "dynamic_full", "static", "offloaded", "offloaded_static", "hybrid",
           "offloaded_hybrid", "sliding_window", "hybrid_chunked", "offloaded_hybrid_chunked",
           "mamba", "paged"])",
       "a cache of another precision"},
      {"prompt_lookup_num_tokens", kNotDone, {}, "[]", "drafts from the prompt"},
      {"max_matching_ngram_size", kNotDone, {}, "[]", "drafts from the prompt"},
      {"is_assistant", kNotDone, {}, "[false]", "drafts for another model"},
      {"num_assistant_tokens", kNotDone, {}, "[20, 5]", "drafts"},
      {"num_assistant_tokens_schedule",
       kNotDone,
       {},
       R"(["constant", "heuristic", "heuristic_transient"])",
       "drafts"},
      {"assistant_confidence_threshold", kNotDone, {}, "[0.4]", "drafts"},
      {"assistant_lookbehind", kNotDone, {}, "[10]", "drafts"},
      {"target_lookbehind", kNotDone, {}, "[10]", "drafts"},
      {"assistant_early_exit", kNotDone, {}, "[]", "drafts of early layers"},
      {"assistant_ensemble_weight", kNotDone, {}, "[]", "a mixture with an assistant"},
      {"speculation_type", kNotDone, {}, "[]", "drafts"},
      {"use_mtp", kNotDone, {}, "[false]", "drafts of several tokens"},
      {"generation_kwargs", kNotDone, {}, "[{}]", "arguments of a program"},
  };
  return keys;
}

ModelDefaults read_generation_config(const SettingsJson& object, const std::string& source) {
  ModelDefaults model;
  std::vector<std::string> not_done, unknown;
  for (const auto& [name, value] : object.items()) {
    const GenerationKey* key = find_key(name);
    if (key == nullptr) {
      unknown.push_back(name);
    } else if (key->use == KeyUse::kNotDone) {
      if (!is_idle(*key, value)) not_done.push_back(fmt::format("{} ({})", name, key->what));
    } else if (key->use == KeyUse::kSetting && !value.is_null()) {
      check_value(name, name == "do_sample" ? name : setting_of(*key), value, source);
      model.settings[name == "do_sample" ? name : setting_of(*key)] = value;
    }
  }
  settle_keys(model, source);
  add_notes(model, not_done, unknown, source);
  try {
    settings_for(Json::object(), model);
  } catch (const Error& error) {
    refuse_key(source, error.what());
  }
  return model;
}

ModelDefaults parse_generation_config(std::string_view text, const std::string& source) {
  const auto object = base::parse_json<Json>(text);
  if (object.is_discarded()) {
    refuse_key(source,
               "it is " + base::json_fault(text, "not valid JSON") + "; get the file again");
  }
  if (!object.is_object()) {
    refuse_key(source, fmt::format("it holds a JSON {}; an object {{...}} is expected",
                                   object.type_name()));
  }
  return read_generation_config(object, source);
}

SettingsJson generation_keys_of(const SettingsJson& config) {
  Json found = Json::object();
  for (const GenerationKey& key : generation_keys()) {
    if (key.use == KeyUse::kNothing || !config.contains(std::string(key.name))) continue;
    const Json& value = config[std::string(key.name)];
    const bool one_eos = key.name == "eos_token_id" && !(value.is_array() && value.size() > 1);
    if (!one_eos && !is_idle(key, value)) found[std::string(key.name)] = value;
  }
  return found;
}

}  // namespace medgen::engine
