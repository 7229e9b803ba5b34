// The table, and how a setting is read, checked and written; see settings.h.
#include "engine/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "base/nearest.h"
#include "base/refuse.h"
#include "engine/setting_values.h"
#include "engine/settings_table.h"
#include "engine/steps.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::engine {
namespace {

using Json = SettingsJson;
using Settings = DecodingSettings;

using Entry = SettingEntry;

const std::vector<Entry>& table() { return settings_table(); }

const std::pair<std::string_view, std::string_view> kAliases[] = {
    {"n", "num_return_sequences"}, {"bad_words_ids", "bad_words"}, {"do_sample", "temperature"}};

const Entry* find_entry(std::string_view name) {
  for (const auto& [alias, meant] : kAliases) {
    if (name == alias) name = meant;
  }
  const auto entry = std::find_if(table().begin(), table().end(),
                                  [&](const Entry& e) { return e.info.name == name; });
  return entry == table().end() ? nullptr : &*entry;
}

std::string number(double value) { return fmt::format("{:g}", value); }

std::string allowed(const SettingRange& range, bool whole, bool too_high) {
  const auto number = [&](double value) {
    return whole ? fmt::format("{:.0f}", value) : fmt::format("{:g}", value);
  };
  constexpr double highest = std::numeric_limits<double>::max();
  const std::string low = (range.open_low ? "above " : "at least ") + number(range.low);
  if (range.high >= (whole ? 2147483647 : highest) && !too_high) {
    if (range.low <= -highest) return "a finite number";
    return (whole ? "" : "finite and ") + low;
  }
  if (!range.open_low && !range.open_high)
    return "from " + number(range.low) + " to " + number(range.high);
  return low + " and " + (range.open_high ? "below " : "at most ") + number(range.high);
}

// `spelling`: the name as the user knows it.
void check_range(const Entry& entry, const Json& value, const std::string& spelling) {
  const SettingRange& range = entry.range;
  if (range.low > range.high || !value.is_number()) return;
  const double x = value.get<double>();
  const bool above = range.open_low ? x > range.low : x >= range.low;
  const bool below = range.open_high ? x < range.high : x <= range.high;
  if (above && below) return;
  const std::string given = value.is_number_float() ? number(x) : value.dump();
  const std::string wanted = allowed(range, entry.info.kind == SettingKind::kInteger, !below);
  throw SettingError(spelling,
                     {std::string(entry.info.name), given, wanted,
                      fmt::format(" is {}; it must be {}: {}", given, wanted, range.remedy)});
}

std::string with_dashes(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

using base::refuse;

void check_ranges(const Settings& settings, bool (*wanted)(const Entry&)) {
  for (const Entry& entry : table()) {
    if (wanted(entry)) check_range(entry, entry.get(settings), with_dashes(entry.info.name));
  }
}

bool is_stopping(const Entry& entry) { return entry.info.section == "stopping"; }
bool is_sampling(const Entry& entry) {
  return !is_stopping(entry) && entry.info.name != "num_return_sequences";
}

// Filters that are on although nothing is drawn or mirostat replaces them.
std::vector<std::string> active_filters(const SamplingParams& p) {
  std::vector<std::string> names;
  for (const Step& step : steps()) {
    if (step.filter != nullptr && step.name != "temperature" && step.name != "mirostat" &&
        step.active(p)) {
      names.emplace_back(step.name);
    }
  }
  return names;
}

// The filters that need a coin or a state of their own for each text are not defined for beams.
void check_beam_sample(const SamplingParams& p) {
  if (p.temperature == 0) {
    refuse(
        "beam-sample is set but temperature is 0, which draws nothing: set a temperature above 0, "
        "1 for instance, or leave beam-sample out");
  }
  if (p.mirostat != 0 || p.xtc_probability > 0) {
    refuse(
        fmt::format("beam-sample and {} are both set: these two do not go together; leave one of "
                    "them out",
                    p.mirostat != 0 ? "mirostat" : "xtc-probability"));
  }
}

void check_contradictions(const SamplingParams& p) {
  const std::vector<std::string> filters = active_filters(p);
  if (p.num_beams > 1) {
    if (p.beam_sample) check_beam_sample(p);
    if (!p.beam_sample && p.temperature > 0) {
      refuse(
          fmt::format("num-beams is {} and temperature {}: beam search draws nothing, so a "
                      "temperature has no effect; leave one of them out, or draw with "
                      "`beam_sample`",
                      p.num_beams, number(p.temperature)));
    }
    if (!p.beam_sample && (p.mirostat != 0 || !filters.empty())) {
      refuse(
          fmt::format("num-beams is {} and {} is set: beam search draws nothing, so filters have "
                      "no effect; leave one of them out, or draw with `beam_sample`",
                      p.num_beams, filters.empty() ? "mirostat" : filters[0]));
    }
    if (p.guidance_scale != 1) {
      refuse(
          fmt::format("num-beams is {} and guidance-scale {}: these two do not go together; leave "
                      "one of them out",
                      p.num_beams, number(p.guidance_scale)));
    }
  } else if (p.beam_sample) {
    refuse(
        "beam-sample is set but num-beams is 1: it has an effect with beam search only; set "
        "num-beams above 1, or leave it out");
  } else if (p.early_stopping != EarlyStopping::kFalse || p.length_penalty != 1) {
    refuse(
        std::string(p.length_penalty != 1 ? "length-penalty" : "early-stopping") +
        " is set but num-beams is 1: it has an effect with beam search only; set num-beams above "
        "1, or leave it out");
  }
  if (p.mirostat == 1) refuse("mirostat is 1; it must be 0 or 2: 0 turns it off, 2 is Mirostat 2");
  if (p.mirostat == 2 && !filters.empty()) {
    refuse("mirostat and " + filters[0] +
           " are both set: mirostat takes the place of the other filters; leave one of them out");
  }
  if (p.guidance_scale == 1 && !(p.negative_prompt.empty() && p.negative_prompt_ids.empty())) {
    refuse(
        "a negative prompt is set but guidance-scale is 1, which is off: set guidance-scale above "
        "or below 1, or leave the negative prompt out");
  }
  if (!p.negative_prompt.empty() && !p.negative_prompt_ids.empty()) {
    refuse("negative-prompt and negative-prompt-ids are both set: give one of them");
  }
  if (p.dynatemp_range > 0 && p.temperature == 0) {
    refuse(
        "dynatemp-range is " + number(p.dynatemp_range) +
        " but temperature is 0, which draws nothing: set a temperature above 0, or leave it out");
  }
}

// Beams, mirostat and greedy decoding turn off what was not set explicitly.
void give_way(Settings& s, const Json& given) {
  const auto unset = [&](const char* name) { return !given.contains(name); };
  const bool beams = s.sampling.num_beams > 1;
  const bool search = beams && !s.sampling.beam_sample;  // draws nothing
  if (search && unset("temperature") && unset("do_sample")) s.sampling.temperature = 0;
  if (search || s.sampling.mirostat != 0) {
    if (unset("top_k")) s.sampling.top_k = 0;
    if (unset("top_p")) s.sampling.top_p = 1;
  }
  const bool one = beams || s.sampling.temperature == 0;
  if (one && unset("num_return_sequences") && unset("n")) {
    s.num_return_sequences = 1;
  }
}

// With beams, do_sample says whether they are drawn. Over a greedy default a text is drawn at
// transformers' temperature, as there.
void take_do_sample(Settings& s, const Json& given) {
  if (!given.contains("do_sample")) return;
  const bool sample = given["do_sample"] == true;
  if (sample && s.sampling.temperature == 0) s.sampling.temperature = 1;
  if (!given.contains("beam_sample")) {
    s.sampling.beam_sample = sample && s.sampling.num_beams > 1;
  } else if (s.sampling.num_beams > 1 && sample != s.sampling.beam_sample) {
    refuse(fmt::format("do_sample is {} and beam_sample {}: give one of them", sample,
                       s.sampling.beam_sample));
  }
}

void set_entry(Settings& settings, const Json& given, const std::string& name, const Json& value,
               NameStyle style) {
  if (name == "do_sample") {
    bool sample = true;
    from_json(value, name, sample);
    if (sample) {
      if (!given.contains("temperature") || given["temperature"] != 0) return;
      refuse(
          "do_sample is true and temperature 0, which draws nothing: set a temperature above 0, or "
          "leave one of them out");
    }
    if (given.contains("temperature") && given["temperature"] != 0) {
      refuse("do_sample is false and temperature " + given["temperature"].dump() +
             ": without sampling a temperature has no effect; leave one of them out");
    }
    settings.sampling.temperature = 0;
    return;
  }
  const Entry* entry = find_entry(name);
  if (entry == nullptr) {
    const std::string nearest = nearest_setting(name);
    refuse("unknown setting \"" + text::replace_invalid_utf8(name.substr(0, 60)) + "\"" +
           (nearest.empty() ? std::string("; docs/SAMPLING.md lists them")
                            : "; did you mean \"" + nearest + "\"?"));
  }
  const std::string spelling = style == NameStyle::kFlags ? with_dashes(name) : name;
  check_range(*entry, value, spelling);  // before reading it: it may be too large for an int
  entry->set(settings, value, spelling);
  check_range(*entry, entry->get(settings), spelling);
}

}  // namespace

const std::vector<SettingInfo>& setting_infos() {
  static const std::vector<SettingInfo> infos = [] {
    std::vector<SettingInfo> all;
    for (const Entry& entry : table()) all.push_back(entry.info);
    return all;
  }();
  return infos;
}

bool is_setting(std::string_view name) { return find_entry(name) != nullptr; }

std::string default_text(const SettingInfo& info) {
  const Json value = find_entry(info.name)->get({});
  if (value.is_null() || (value.is_array() && value.empty()) || value == "") return "off";
  if (value.is_string()) return value.get<std::string>();
  if (info.kind == SettingKind::kFlag) return "off";
  return value.is_number_float() ? number(value.get<double>()) : value.dump();
}

std::string nearest_setting(std::string_view name, const std::vector<std::string>& more) {
  std::vector<std::string> known;
  for (const Entry& entry : table()) known.emplace_back(entry.info.name);
  for (const auto& alias : kAliases) {
    if (alias.first.size() > 1) known.emplace_back(alias.first);
  }
  known.insert(known.end(), more.begin(), more.end());
  return base::nearest(name, known);
}

DecodingSettings make_settings(const SettingsJson& given, const DecodingSettings& defaults,
                               NameStyle style) {
  if (!given.is_object()) refuse("settings are not a JSON object, such as {\"top_p\": 0.9}");
  Settings settings = defaults;
  for (const auto& [name, value] : given.items()) set_entry(settings, given, name, value, style);
  if (given.contains("max_length") && given.contains("max_new_tokens")) {
    refuse("max_length and max_new_tokens cannot be combined: give one of them");
  }
  if (given.contains("max_length")) settings.stopping.max_new_tokens.reset();
  take_do_sample(settings, given);
  give_way(settings, given);
  validate(settings);
  return settings;
}

void set_alone(DecodingSettings& settings, const std::string& name, const SettingsJson& value) {
  set_entry(settings, Json::object(), name, value, NameStyle::kJson);
}

SettingsJson merge_settings(SettingsJson base, const SettingsJson& over) {
  for (const auto& [name, value] : over.items()) {
    const auto drop = [&](const char* other) { base.erase(other); };
    if (name == "max_length") drop("max_new_tokens");
    if (name == "max_new_tokens") drop("max_length");
    if (name == "n") drop("num_return_sequences");
    if (name == "num_return_sequences") drop("n");
    if (name == "bad_words_ids") drop("bad_words");
    if (name == "bad_words") drop("bad_words_ids");
    if (name == "temperature") drop("do_sample");
    if (name == "do_sample") drop("temperature");
    if (name == "do_sample") drop("beam_sample");
    if (name == "beam_sample") drop("do_sample");
    base[name] = value;
  }
  return base;
}

DecodingSettings neutral_settings() {
  Settings settings;
  settings.sampling.temperature = 1;
  settings.sampling.top_k = 0;
  settings.num_return_sequences = 1;
  return settings;
}

SettingsJson settings_json(const DecodingSettings& settings) {
  static const std::set<std::string_view> kAlways = {
      "temperature", "top_k", "top_p", "num_return_sequences", "stop", "sampler_order"};
  const char* length = settings.stopping.max_new_tokens ? "max_new_tokens" : "max_length";
  const Settings defaults;
  Json json = Json::object();
  // The classic ones first, in the order that records have always used.
  for (const char* name :
       {"temperature", "top_k", "top_p", "num_return_sequences", length, "stop"}) {
    json[name] = find_entry(name)->get(settings);
  }
  for (const Entry& entry : table()) {
    const std::string name(entry.info.name);
    if (json.contains(name) || name == "seed" || name == "max_length") continue;
    const Json value = entry.get(settings);
    if (kAlways.contains(name) || value != entry.get(defaults)) json[name] = value;
  }
  return json;
}

void check_sequence_count(int num_return_sequences, int num_beams) {
  check_range(*find_entry("num_return_sequences"), num_return_sequences, "num-return-sequences");
  if (num_beams > 1 && num_return_sequences > num_beams) {
    refuse(
        fmt::format("num-return-sequences is {} with num-beams {}; it must be at most the number "
                    "of beams: raise num-beams, or ask for fewer",
                    num_return_sequences, num_beams));
  }
}

void check_token_ids(const SamplingParams& p, const StoppingParams& stopping, int vocab_size) {
  const auto check = [&](const char* name, const std::vector<TokenId>& ids) {
    for (const TokenId id : ids) {
      if (id < 0 || id >= vocab_size) {
        refuse(
            fmt::format("{} holds the token id {}; ids go from 0 to {}", name, id, vocab_size - 1));
      }
    }
  };
  for (const auto& word : p.bad_words) check("bad_words", word);
  for (const SequenceBias& entry : p.sequence_bias) check("sequence_bias", entry.ids);
  for (const SequenceBias& entry : p.logit_bias) check("logit_bias", entry.ids);
  check("suppress_tokens", p.suppress_tokens);
  check("begin_suppress_tokens", p.begin_suppress_tokens);
  if (p.forced_bos_token_id) check("forced_bos_token_id", {*p.forced_bos_token_id});
  check("forced_eos_token_id", p.forced_eos_token_id);
  check("negative_prompt_ids", p.negative_prompt_ids);
  check("eos_token_id", stopping.eos_token_id);
}

void check_prompt_ids(const std::vector<TokenId>& ids, const std::string& name, int vocab_size) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= vocab_size) {
      refuse(fmt::format("{} holds the token id {} at place {} of {}; ids go from 0 to {}", name,
                         ids[i], i + 1, ids.size(), vocab_size - 1));
    }
  }
}

void add_texts(const TaskTemplate& task, DecodingSettings& settings) {
  const auto add = [](const std::vector<std::string>& texts, std::vector<std::string>& to) {
    to.insert(to.end(), texts.begin(), texts.end());
  };
  add(task.stop, settings.stopping.stop);
  add(task.bad_words, settings.sampling.bad_words_texts);
  add(task.never_say, settings.sampling.never_say);
}

void resolve_texts(SamplingParams& sampling, const Tokenizer& tokenizer) {
  for (const std::string& text : sampling.bad_words_texts) {
    for (const std::string& form : {text, " " + text}) {
      auto ids = tokenizer.encode(form);
      const auto& known = sampling.bad_words;
      if (!ids.empty() && std::find(known.begin(), known.end(), ids) == known.end()) {
        sampling.bad_words.push_back(std::move(ids));
      }
    }
  }
  sampling.bad_words_texts.clear();
  if (!sampling.negative_prompt.empty()) {
    sampling.negative_prompt_ids = tokenizer.encode(sampling.negative_prompt);
    sampling.negative_prompt.clear();
  }
}

}  // namespace medgen::engine

namespace medgen {
using namespace engine;

void validate(const SamplingParams& params) {
  Settings settings;
  settings.sampling = params;
  check_ranges(settings, is_sampling);
  check_values(params);
  check_contradictions(params);
  check_order(params);
}

void validate(const StoppingParams& params) {
  Settings settings;
  settings.stopping = params;
  check_ranges(settings, is_stopping);
  check_values(params);
}

void validate(const DecodingSettings& settings) {
  validate(settings.sampling);
  validate(settings.stopping);
  const SamplingParams& p = settings.sampling;
  check_sequence_count(settings.num_return_sequences, p.num_beams);
  if (p.num_beams == 1 && p.temperature == 0 && settings.num_return_sequences > 1) {
    refuse(
        fmt::format("num-return-sequences is {} with greedy decoding, which would give the same "
                    "text each time: use 1, or a temperature above 0",
                    settings.num_return_sequences));
  }
}

}  // namespace medgen
