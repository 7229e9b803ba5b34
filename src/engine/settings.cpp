// The table, and how a setting is read, checked and written; see settings.h.
#include "engine/settings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "engine/setting_values.h"
#include "engine/steps.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen {
namespace {

using Json = SettingsJson;
using Settings = DecodingSettings;
constexpr double kMax = std::numeric_limits<double>::max();

// What a number may be; `remedy` says what is usual or how to turn it off.
struct Range {
  double low = 1, high = 0;  // low > high: not a number, nothing to check
  bool open_low = false, open_high = false;
  std::string_view remedy = {};
};

struct Entry {
  SettingInfo info;
  Json (*get)(const Settings&);
  void (*set)(Settings&, const Json&, const std::string& name);
  Range range = {};
};

constexpr SettingKind kInteger = SettingKind::kInteger, kNumber = SettingKind::kNumber,
                      kFlag = SettingKind::kFlag, kText = SettingKind::kText,
                      kTexts = SettingKind::kTexts, kWord = SettingKind::kWord,
                      kJson = SettingKind::kJson;

// A field that JSON holds as it is.
#define MEDGEN_FIELD(FIELD)                                  \
  [](const Settings& s) -> Json { return to_json(s.FIELD); }, \
      [](Settings& s, const Json& v, const std::string& name) { from_json(v, name, s.FIELD); }

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {{"temperature", "filters", kNumber,
        "0 or more: below 1 likelier words, above 1 more surprising ones, 0 as --greedy."},
       MEDGEN_FIELD(sampling.temperature),
       {0, kMax, false, false, "0 always takes the most likely token, 0.7 is usual"}},
      {{"top_k", "filters", kInteger, "Draw from the K likeliest tokens; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.top_k),
       {0, 2147483647, false, false, "0 turns it off, 50 is usual"}},
      {{"top_p", "filters", kNumber,
        "Draw from the fewest tokens whose probability reaches P; above 0, at most 1, 1 is off."},
       MEDGEN_FIELD(sampling.top_p),
       {0, 1, true, false, "1 turns it off, 0.95 is usual"}},
      {{"min_p", "filters", kNumber,
        "Leave out tokens less likely than P times the likeliest; 0 to 1, 0 is off."},
       MEDGEN_FIELD(sampling.min_p),
       {0, 1, false, false, "0 turns it off, 0.05 is usual"}},
      {{"typical_p", "filters", kNumber,
        "Draw from the most typical tokens (surprise nearest to the entropy) that reach P; above 0, at "
        "most 1, 1 is off."},
       MEDGEN_FIELD(sampling.typical_p),
       {0, 1, true, false, "1 turns it off, 0.95 is usual"}},
      {{"epsilon_cutoff", "filters", kNumber,
        "Leave out tokens less likely than this; 0 to below 1, 0 is off."},
       MEDGEN_FIELD(sampling.epsilon_cutoff),
       {0, 1, false, true, "0 turns it off, 0.0003 is usual"}},
      {{"eta_cutoff", "filters", kNumber,
        "The same with a cutoff that falls with the entropy; 0 to below 1, 0 is off."},
       MEDGEN_FIELD(sampling.eta_cutoff),
       {0, 1, false, true, "0 turns it off, 0.0003 is usual"}},
      {{"top_h", "filters", kNumber,
        "Of the 100 likeliest, draw from the best that hold this share of the entropy; above 0, at most "
        "1."},
       MEDGEN_FIELD(sampling.top_h),
       {0, 1, true, false, "leave it out to turn it off, 0.4 is usual"}},
      {{"top_n_sigma", "filters", kNumber,
        "Leave out scores more than N standard deviations below the highest; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.top_n_sigma),
       {0, kMax, false, false, "0 turns it off, 1 is usual"}},
      {{"xtc_probability", "filters", kNumber,
        "How often to exclude the top choices: all tokens above --xtc-threshold but the least likely of "
        "them; 0 to 1, 0 is off."},
       MEDGEN_FIELD(sampling.xtc_probability),
       {0, 1, false, false, "0 turns it off, 0.5 is usual"}},
      {{"xtc_threshold", "filters", kNumber,
        "Probability from which a token is a top choice; 0 to 1, off above 0.5."},
       MEDGEN_FIELD(sampling.xtc_threshold),
       {0, 1, false, false, "0.1 is usual"}},
      {{"dynatemp_range", "filters", kNumber,
        "Dynamic temperature: lets the temperature go this far up and down with the entropy; 0 or more, "
        "0 is off."},
       MEDGEN_FIELD(sampling.dynatemp_range),
       {0, kMax, false, false, "0 turns it off"}},
      {{"dynatemp_exponent", "filters", kNumber, "How the dynamic temperature bends; above 0."},
       MEDGEN_FIELD(sampling.dynatemp_exponent),
       {0, kMax, true, false, "1 is usual"}},
      {{"mirostat", "filters", kInteger,
        "2: keep the surprise of the text near --mirostat-tau, instead of the other filters; 0 is off."},
       MEDGEN_FIELD(sampling.mirostat),
       {0, 2, false, false, "0 turns it off, 2 is Mirostat 2"}},
      {{"mirostat_tau", "filters", kNumber, "Surprise to aim at, in bits; above 0."},
       MEDGEN_FIELD(sampling.mirostat_tau),
       {0, kMax, true, false, "5 is usual"}},
      {{"mirostat_eta", "filters", kNumber, "How fast Mirostat adapts; above 0, at most 1."},
       MEDGEN_FIELD(sampling.mirostat_eta),
       {0, 1, true, false, "0.1 is usual"}},
      {{"repetition_penalty", "processors", kNumber,
        "Makes tokens that occurred, in the prompt too, less likely: above 0, 1 is off, below 1 more "
        "likely."},
       MEDGEN_FIELD(sampling.repetition_penalty),
       {0, kMax, true, false, "1 turns it off, 1.1 is usual"}},
      {{"presence_penalty", "processors", kNumber,
        "Taken from the scores of tokens that were generated; -2 to 2, 0 is off."},
       MEDGEN_FIELD(sampling.presence_penalty),
       {-2, 2, false, false, "0 turns it off"}},
      {{"frequency_penalty", "processors", kNumber, "The same for each time; -2 to 2, 0 is off."},
       MEDGEN_FIELD(sampling.frequency_penalty),
       {-2, 2, false, false, "0 turns it off"}},
      {{"no_repeat_ngram_size", "processors", kInteger,
        "No N tokens in a row occur twice, prompt included; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.no_repeat_ngram_size),
       {0, 2147483647, false, false, "0 turns it off, 3 is usual"}},
      {{"dry_multiplier", "processors", kNumber,
        "DRY: penalty on tokens that would prolong a repetition; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.dry_multiplier),
       {0, kMax, false, false, "0 turns it off, 0.8 is usual"}},
      {{"dry_base", "processors", kNumber, "How the DRY penalty grows with the length; 1 or more."},
       MEDGEN_FIELD(sampling.dry_base),
       {1, kMax, false, false, "1.75 is usual"}},
      {{"dry_allowed_length", "processors", kInteger,
        "Repetitions shorter than this cost nothing; 1 or more."},
       MEDGEN_FIELD(sampling.dry_allowed_length),
       {1, 2147483647, false, false, "2 is usual"}},
      {{"dry_penalty_last_n", "processors", kInteger,
        "How many tokens DRY looks back; -1 is all of them."},
       MEDGEN_FIELD(sampling.dry_penalty_last_n),
       {-1, 2147483647, false, false, "-1 looks at all"}},
      {{"dry_sequence_breakers", "processors", kTexts,
        "Texts that repetitions do not reach over."},
       MEDGEN_FIELD(sampling.dry_sequence_breakers)},
      {{"bad_words", "processors", kTexts,
        "Texts that are never completed, with and without a blank before; or lists of token ids."},
       [](const Settings& s) { return bad_words_json(s.sampling); },
       [](Settings& s, const Json& v, const std::string& name) {
         read_bad_words(v, name, s.sampling);
       }},
      {{"sequence_bias", "processors", kJson,
        "[[[ID, ...], BIAS], ...]: added to the last id where the text ends with the others."},
       MEDGEN_FIELD(sampling.sequence_bias)},
      {{"logit_bias", "processors", kJson,
        "{\"ID\": BIAS, ...}: added to the scores of tokens; -100 to 100."},
       [](const Settings& s) { return logit_bias_json(s.sampling.logit_bias); },
       [](Settings& s, const Json& v, const std::string& name) {
         read_logit_bias(v, name, s.sampling.logit_bias);
       }},
      {{"suppress_tokens", "processors", kJson, "[ID, ...]: tokens that are never drawn."},
       MEDGEN_FIELD(sampling.suppress_tokens)},
      {{"begin_suppress_tokens", "processors", kJson, "[ID, ...]: tokens that never come first."},
       MEDGEN_FIELD(sampling.begin_suppress_tokens)},
      {{"min_new_tokens", "processors", kInteger, "No end before N new tokens; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.min_new_tokens),
       {0, 2147483647, false, false, "0 turns it off"}},
      {{"min_length", "processors", kInteger,
        "No end before N tokens, the text's included; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.min_length),
       {0, 2147483647, false, false, "0 turns it off"}},
      {{"exponential_decay_length_penalty", "processors", kJson,
        "[START, FACTOR]: after START new tokens the end becomes likelier, FACTOR times a token."},
       MEDGEN_FIELD(sampling.exponential_decay_length_penalty)},
      {{"forced_bos_token_id", "processors", kInteger, "The token after a prompt of one token."},
       MEDGEN_FIELD(sampling.forced_bos_token_id)},
      {{"forced_eos_token_id", "processors", kJson,
        "ID or [ID, ...]: the last token that the limit of length allows."},
       MEDGEN_FIELD(sampling.forced_eos_token_id)},
      {{"guidance_scale", "processors", kNumber,
        "Away from the --negative-prompt (without one: from what the prompt does not change); 1 or more, "
        "1 is off."},
       MEDGEN_FIELD(sampling.guidance_scale),
       {1, kMax, false, false, "1 turns it off, 1.5 is usual"}},
      {{"negative_prompt", "processors", kText, "What --guidance-scale leads away from."},
       MEDGEN_FIELD(sampling.negative_prompt)},
      {{"negative_prompt_ids", "processors", kJson, "[ID, ...]: the same as token ids."},
       MEDGEN_FIELD(sampling.negative_prompt_ids)},
      {{"renormalize_logits", "processors", kFlag, "Log-softmax after the last step."},
       MEDGEN_FIELD(sampling.renormalize_logits)},
      {{"sampler_order", "search", kWord,
        "Order of the steps: hf, vllm or llama, as those libraries have it; or names of steps with "
        "commas."},
       [](const Settings& s) -> Json {
         const auto& order = s.sampling.sampler_order;
         return order.size() == 1 && is_tradition(order[0]) ? Json(order[0]) : Json(order);
       },
       [](Settings& s, const Json& v, const std::string& name) {
         read_sampler_order(v, name, s.sampling.sampler_order);
       }},
      {{"num_beams", "search", kInteger, "Above 1: beam search, which draws nothing; 1 to 64."},
       MEDGEN_FIELD(sampling.num_beams),
       {1, 64, false, false, "1 turns it off"}},
      {{"length_penalty", "search", kNumber,
        "Beam search divides log-probabilities by length to this power: above 0 for longer texts."},
       MEDGEN_FIELD(sampling.length_penalty),
       {-kMax, kMax, false, false, "1 is usual"}},
      {{"early_stopping", "search", kWord,
        "When beam search ends: false, by what is likely still to come; true, at the first num_beams "
        "texts; never, when nothing better can come."},
       [](const Settings& s) { return early_stopping_json(s.sampling.early_stopping); },
       [](Settings& s, const Json& v, const std::string& name) {
         read_early_stopping(v, name, s.sampling.early_stopping);
       }},
      {{"num_return_sequences", "search", kInteger, "How many continuations; 1 to 4096."},
       MEDGEN_FIELD(num_return_sequences),
       {1, kMaxNumReturnSequences, false, false, "run medgen several times with other seeds for more"}},
      {{"logprobs", "output", kInteger,
        "Report each token's log-probabilities, its entropy and K alternatives; 0 to 100."},
       MEDGEN_FIELD(sampling.logprobs),
       {0, 100, false, false, "leave it out to turn it off, 5 is usual"}},
      {{"seed", "output", kInteger,
        "The same seed gives the same continuations; 0 to 18446744073709551615."},
       MEDGEN_FIELD(sampling.seed)},
      {{"max_length", "stopping", kInteger,
        "Most tokens of text and continuation together; 1 or more."},
       MEDGEN_FIELD(stopping.max_length),
       {1, 2147483647, false, false, "it counts the tokens of the prompt and of the continuation"}},
      {{"max_new_tokens", "stopping", kInteger,
        "Most tokens of the continuation, instead of --max-length; 1 or more."},
       MEDGEN_FIELD(stopping.max_new_tokens),
       {1, 2147483647, false, false, "it counts the tokens of the continuation"}},
      {{"stop", "stopping", kTexts, "End a continuation before TEXT; may be given several times."},
       MEDGEN_FIELD(stopping.stop)},
      {{"include_stop", "stopping", kFlag, "End after the stop TEXT instead of before it."},
       MEDGEN_FIELD(stopping.include_stop)},
      {{"eos_token_id", "stopping", kJson,
        "ID or [ID, ...]: tokens that end a text, instead of the model's own."},
       MEDGEN_FIELD(stopping.eos_token_id)},
      {{"ignore_eos", "stopping", kFlag, "Go on after a token that would end the text."},
       MEDGEN_FIELD(stopping.ignore_eos)},
      {{"max_time", "stopping", kNumber,
        "Seconds after which a continuation ends; above 0. Texts then depend on the machine's speed."},
       MEDGEN_FIELD(stopping.max_time),
       {0, kMax, true, false, "leave it out to turn it off"}},
      {{"end_at", "stopping", kWord, "sentence: cut after the last complete sentence."},
       [](const Settings& s) -> Json {
         return s.stopping.end_at_sentence ? Json("sentence") : Json();
       },
       [](Settings& s, const Json& v, const std::string& name) {
         read_end_at(v, name, s.stopping.end_at_sentence);
       }},
      {{"stop_on_loop", "stopping", kFlag, "End when one phrase is said three times in a row."},
       MEDGEN_FIELD(stopping.stop_on_loop)},
  };
  return entries;
}
#undef MEDGEN_FIELD

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

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string allowed(const Range& range, bool whole) {
  const std::string low = (range.open_low ? "above " : "at least ") + number(range.low);
  if (range.high >= (whole ? 2147483647 : kMax)) {
    if (range.low <= -kMax) return "a finite number";
    return (whole ? "" : "finite and ") + low;
  }
  if (!range.open_low && !range.open_high) return "from " + number(range.low) + " to " + number(range.high);
  return low + " and " + (range.open_high ? "below " : "at most ") + number(range.high);
}

// `spelling`: the name as the user knows it.
void check_range(const Entry& entry, const Json& value, const std::string& spelling) {
  const Range& range = entry.range;
  if (range.low > range.high || !value.is_number()) return;
  const double x = value.get<double>();
  const bool above = range.open_low ? x > range.low : x >= range.low;
  const bool below = range.open_high ? x < range.high : x <= range.high;
  if (above && below) return;
  std::string message = spelling;
  message += " is " + (value.is_number_float() ? number(x) : value.dump()) + "; it must be ";
  message += allowed(range, entry.info.kind == kInteger) + ": ";
  throw Error(ErrorCode::kUsage, message.append(range.remedy));
}

std::string with_dashes(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

void check_ranges(const Settings& settings, bool (*wanted)(const Entry&)) {
  for (const Entry& entry : table()) {
    if (wanted(entry)) check_range(entry, entry.get(settings), with_dashes(entry.info.name));
  }
}

bool is_stopping(const Entry& entry) { return entry.info.section == "stopping"; }
bool is_sampling(const Entry& entry) {
  return !is_stopping(entry) && entry.info.name != "num_return_sequences";
}

// Filters that are on although nothing is drawn, or although mirostat replaces them.
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

void check_contradictions(const SamplingParams& p) {
  const std::vector<std::string> filters = active_filters(p);
  if (p.num_beams > 1) {
    if (p.temperature > 0) {
      refuse("num-beams is " + std::to_string(p.num_beams) + " and temperature " +
             number(p.temperature) +
             ": beam search draws nothing, so a temperature has no effect; leave one of them out");
    }
    if (p.mirostat != 0 || !filters.empty()) {
      refuse("num-beams is " + std::to_string(p.num_beams) + " and " +
             (filters.empty() ? "mirostat" : filters[0]) +
             " is set: beam search draws nothing, so filters have no effect; leave one of them out");
    }
    if (p.guidance_scale != 1) {
      refuse("num-beams is " + std::to_string(p.num_beams) + " and guidance-scale " +
             number(p.guidance_scale) + ": these two do not go together; leave one of them out");
    }
  } else if (p.early_stopping != EarlyStopping::kFalse || p.length_penalty != 1) {
    refuse(std::string(p.length_penalty != 1 ? "length-penalty" : "early-stopping") +
           " is set but num-beams is 1: it has an effect with beam search only; set num-beams above "
           "1, or leave it out");
  }
  if (p.mirostat == 1) refuse("mirostat is 1; it must be 0 or 2: 0 turns it off, 2 is Mirostat 2");
  if (p.mirostat == 2 && !filters.empty()) {
    refuse("mirostat and " + filters[0] +
           " are both set: mirostat takes the place of the other filters; leave one of them out");
  }
  if (p.guidance_scale == 1 && !(p.negative_prompt.empty() && p.negative_prompt_ids.empty())) {
    refuse("a negative prompt is set but guidance-scale is 1, which is off: set guidance-scale above "
           "1, or leave the negative prompt out");
  }
  if (!p.negative_prompt.empty() && !p.negative_prompt_ids.empty()) {
    refuse("negative-prompt and negative-prompt-ids are both set: give one of them");
  }
  if (p.dynatemp_range > 0 && p.temperature == 0) {
    refuse("dynatemp-range is " + number(p.dynatemp_range) +
           " but temperature is 0, which draws nothing: set a temperature above 0, or leave it out");
  }
}

// Beams, mirostat and greedy decoding turn off what was not asked for by name.
void give_way(Settings& s, const Json& given) {
  const auto unset = [&](const char* name) { return !given.contains(name); };
  const bool beams = s.sampling.num_beams > 1;
  if (beams && unset("temperature") && unset("do_sample")) s.sampling.temperature = 0;
  if (beams || s.sampling.mirostat != 0) {
    if (unset("top_k")) s.sampling.top_k = 0;
    if (unset("top_p")) s.sampling.top_p = 1;
  }
  if (s.sampling.temperature == 0 && unset("num_return_sequences") && unset("n")) {
    s.num_return_sequences = 1;
  }
}

void set_entry(Settings& settings, const Json& given, const std::string& name, const Json& value,
               NameStyle style) {
  if (name == "do_sample") {
    bool sample = true;
    from_json(value, name, sample);
    if (sample) return;
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
    refuse("unknown setting \"" + replace_invalid_utf8(name.substr(0, 60)) + "\"" +
           (nearest.empty() ? std::string("; docs/SAMPLING.md lists them")
                            : "; did you mean \"" + nearest + "\"?"));
  }
  const std::string spelling = style == NameStyle::kFlags ? with_dashes(name) : name;
  check_range(*entry, value, spelling);  // before reading it: it may be too large for an int
  entry->set(settings, value, spelling);
  check_range(*entry, entry->get(settings), spelling);
}

// Edits (insert, remove, replace, swap of neighbours) between two names.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
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
  if (info.kind == kFlag) return "off";
  return value.is_number_float() ? number(value.get<double>()) : value.dump();
}

std::string nearest_setting(std::string_view name, const std::vector<std::string>& more) {
  name = name.substr(0, 60);
  std::string_view best;
  std::size_t least = 1 + std::max<std::size_t>(1, name.size() / 3);
  const auto consider = [&](std::string_view candidate) {
    const std::size_t d = distance(name, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  };
  for (const Entry& entry : table()) consider(entry.info.name);
  for (const auto& alias : kAliases) {
    if (alias.first.size() > 1) consider(alias.first);
  }
  for (const std::string_view candidate : more) consider(candidate);
  return std::string(best);
}

DecodingSettings make_settings(const SettingsJson& given, const DecodingSettings& defaults,
                               NameStyle style) {
  if (!given.is_object()) refuse("settings are not a JSON object, such as {\"top_p\": 0.9}");
  Settings settings = defaults;
  for (const auto& [name, value] : given.items()) set_entry(settings, given, name, value, style);
  if (given.contains("max_length") && given.contains("max_new_tokens")) {
    refuse("max_length and max_new_tokens exclude each other: give one of them");
  }
  if (given.contains("max_length")) settings.stopping.max_new_tokens.reset();
  give_way(settings, given);
  validate(settings);
  return settings;
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
  static const std::set<std::string_view> kAlways = {"temperature", "top_k",  "top_p",
                                                     "num_return_sequences", "stop", "sampler_order"};
  const char* length = settings.stopping.max_new_tokens ? "max_new_tokens" : "max_length";
  const Settings defaults;
  Json json = Json::object();
  // The classic ones first, in the order that records have always had.
  for (const char* name : {"temperature", "top_k", "top_p", "num_return_sequences", length, "stop"}) {
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

void check_token_ids(const SamplingParams& p, const StoppingParams& stopping, int vocab_size) {
  const auto check = [&](const char* name, const std::vector<TokenId>& ids) {
    for (const TokenId id : ids) {
      if (id < 0 || id >= vocab_size) {
        refuse(std::string(name) + " holds the token id " + std::to_string(id) +
               "; ids go from 0 to " + std::to_string(vocab_size - 1));
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
  check_range(*find_entry("num_return_sequences"), settings.num_return_sequences,
              "num-return-sequences");
  const SamplingParams& p = settings.sampling;
  const std::string n = std::to_string(settings.num_return_sequences);
  if (p.num_beams > 1 && settings.num_return_sequences > p.num_beams) {
    refuse("num-return-sequences is " + n + " with num-beams " + std::to_string(p.num_beams) +
           "; it must be at most the number of beams: raise num-beams, or ask for fewer");
  }
  if (p.num_beams == 1 && p.temperature == 0 && settings.num_return_sequences > 1) {
    refuse("num-return-sequences is " + n +
           " with greedy decoding, which would give the same text each time: use 1, or a temperature "
           "above 0");
  }
}

}  // namespace medgen
