// See the header.
#include "engine/model_defaults.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "medgen/error.h"

namespace medgen::engine {
namespace {

using Json = SettingsJson;

std::string canonical(const std::string& name) {
  if (name == "n") return "num_return_sequences";
  return name == "bad_words_ids" ? "bad_words" : name;
}

// What `name` is in `settings`; null where it is not.
Json value_of(const Json& settings, std::string_view name) {
  for (const auto& [key, value] : settings.items()) {
    if (canonical(key) == name) return value;
  }
  return nullptr;
}

bool is_given(const Json& settings, std::string_view name) {
  for (const auto& [key, value] : settings.items()) {
    if (canonical(key) == name) return true;
  }
  return false;
}

std::int64_t beams_of(const Json& given, const Json& model) {
  const Json beams = value_of(is_given(given, "num_beams") ? given : model, "num_beams");
  return beams.is_number_integer() ? beams.get<std::int64_t>() : 1;
}

void erase_filters(Json& settings, bool temperature) {
  for (const SettingInfo& info : setting_infos()) {
    if (info.section == "filters" && (temperature || info.name != "temperature")) {
      settings.erase(std::string(info.name));
    }
  }
}

// The user's own settings and, with them, those of the model that make_settings() would let give
// way if they were mere defaults.
Json with_promoted(const Json& given, const ModelDefaults& model, const Json& kept,
                   const DecodingSettings& base) {
  Json all = given;
  const std::int64_t beams = beams_of(given, model.settings);
  if (beams <= 1) return all;
  if (kept.contains("num_return_sequences") && beams_of(Json::object(), model.settings) > 1) {
    all["num_return_sequences"] = std::min<std::int64_t>(base.num_return_sequences, beams);
  }
  if (kept.contains("beam_sample")) {
    const SamplingParams& p = base.sampling;
    if (!given.contains("temperature")) all["temperature"] = p.temperature;
    if (!given.contains("top_k")) all["top_k"] = p.top_k;
    if (!given.contains("top_p")) all["top_p"] = p.top_p;
  }
  return all;
}

bool is_allowed(const Json& given) {
  try {
    make_settings(given);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string origin(const Json& kept) {
  std::vector<std::string> names;
  for (const auto& [name, value] : kept.items()) names.push_back(name);
  return fmt::format(
      " (the model's generation_config.json sets {}: what is set besides wins over it)",
      fmt::join(names, ", "));
}

}  // namespace

SettingsJson in_force(const SettingsJson& given, const ModelDefaults& model) {
  const auto mine = [&](std::string_view name) { return is_given(given, name); };
  Json kept = model.settings;
  for (const auto& [name, value] : given.items()) kept.erase(canonical(name));
  if (mine("max_length")) kept.erase("max_new_tokens");
  if (mine("max_new_tokens")) kept.erase("max_length");
  if (mine("min_length")) kept.erase("min_new_tokens");
  if (mine("min_new_tokens")) kept.erase("min_length");
  if (mine("stop")) kept.erase("include_stop");
  if (mine("temperature") || mine("do_sample")) kept.erase("do_sample");
  const bool greedy = value_of(given, "temperature") == 0 || value_of(given, "do_sample") == false;
  if (greedy) kept.erase("beam_sample");
  if (beams_of(given, model.settings) > 1) {
    const bool drawn = kept.contains("beam_sample") || value_of(given, "beam_sample") == true ||
                       (value_of(given, "do_sample") == true && is_setting("beam_sample"));
    if (!drawn) erase_filters(kept, true);
  } else {
    for (const char* name : {"length_penalty", "early_stopping", "beam_sample"}) kept.erase(name);
  }
  const Json mirostat = value_of(given, "mirostat");
  if (!mirostat.is_null() && mirostat != 0) erase_filters(kept, false);
  return kept;
}

DecodingSettings settings_for(const SettingsJson& given, const ModelDefaults& model,
                              NameStyle style) {
  if (model.settings.empty() || !given.is_object()) return make_settings(given, {}, style);
  const Json kept = in_force(given, model);
  DecodingSettings base;
  for (const auto& [name, value] : kept.items()) {
    if (name != "do_sample") set_alone(base, name, value);
  }
  if (value_of(kept, "do_sample") == false) base.sampling.temperature = 0;
  try {
    return make_settings(with_promoted(given, model, kept, base), base, style);
  } catch (const SettingError&) {
    throw;
  } catch (const Error& error) {
    if (kept.empty() || !is_allowed(given)) throw;
    throw Error(error.code(), error.what() + origin(kept));
  }
}

void check_given(const SettingsJson& given, NameStyle style) {
  try {
    make_settings(given, {}, style);
  } catch (const SettingError&) {
    throw;
  } catch (const Error&) {
    // A model may bring the beams, the drawing of beams or the guidance that the rest needs.
    Json helped = given;
    const bool of_beams = is_given(given, "length_penalty") || is_given(given, "early_stopping") ||
                          is_given(given, "beam_sample");
    const Json wanted = value_of(given, "num_return_sequences");
    const std::int64_t n = wanted.is_number_integer() ? wanted.get<std::int64_t>() : 1;
    if (of_beams && !is_given(given, "num_beams")) {
      helped["num_beams"] = std::max<std::int64_t>(2, n);
    }
    if (is_setting("beam_sample") && beams_of(helped, Json::object()) > 1 &&
        !is_given(given, "beam_sample") && !is_given(given, "do_sample")) {
      helped["beam_sample"] = true;
    }
    const bool of_guidance =
        is_given(given, "negative_prompt") || is_given(given, "negative_prompt_ids");
    if (of_guidance && !is_given(given, "guidance_scale")) helped["guidance_scale"] = 2;
    if (helped == given || !is_allowed(helped)) throw;
  }
}

void fit_to_vocabulary(ModelDefaults& model, const Tokenizer& tokenizer,
                       const std::string& source) {
  const int vocab = tokenizer.vocab_size();
  for (const char* name : {"eos_token_id", "suppress_tokens", "begin_suppress_tokens"}) {
    if (!model.settings.contains(name)) continue;
    Json& value = model.settings[name];
    const Json given = value.is_array() ? value : Json::array({value});
    std::vector<TokenId> ids;
    std::vector<bool> seen(static_cast<std::size_t>(vocab));  // a file's list may be long
    for (const Json& id : given) {
      const auto place = id.get<std::size_t>();
      if (place >= seen.size() || seen[place]) continue;
      seen[place] = true;
      ids.push_back(id.get<TokenId>());
    }
    const bool own = name == std::string_view("eos_token_id") && ids.size() == 1 &&
                     tokenizer.eos_id() == ids.front();
    if (ids.empty() || own) {
      model.settings.erase(name);
    } else {
      value = ids;
    }
  }
  DecodingSettings settings;
  for (const auto& [name, value] : model.settings.items()) {
    if (name != "do_sample") set_alone(settings, name, value);
  }
  try {
    check_token_ids(settings.sampling, settings.stopping, vocab);
  } catch (const Error& error) {
    throw Error(ErrorCode::kModel, source + ": " + error.what() + "; correct it or leave it out");
  }
}

}  // namespace medgen::engine
