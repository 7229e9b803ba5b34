// See setting_values.h.
#include "engine/setting_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "medgen/error.h"
#include "text/never_say.h"
#include "text/utf8.h"

namespace medgen::engine {
namespace {

using Json = SettingsJson;

// Only numbers and words are quoted; texts stay private.
[[noreturn]] void refuse(const Json& value, const std::string& name, const std::string& wanted) {
  const std::string given = value.is_number() || value.is_boolean() || value.is_null()
                                ? value.dump()
                            : value.is_array()  ? "a list"
                            : value.is_object() ? "an object"
                                                : "a string";
  std::string setting = name;
  std::replace(setting.begin(), setting.end(), '-', '_');
  throw SettingError(name,
                     {setting, given, wanted, fmt::format(" is {}; it must be {}", given, wanted)});
}

// 3.0 is 3, as pandas writes the numbers of a column with gaps; other values stay what they are.
Json as_whole(const Json& value) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (!value.is_number_float()) return value;
  const auto number = value.get<double>();
  if (!(std::abs(number) < kExact) || number != std::floor(number)) return value;
  return static_cast<std::int64_t>(number);
}

std::int64_t read_whole(const Json& given, const std::string& name, std::int64_t low,
                        std::int64_t high, const std::string& wanted) {
  const Json value = as_whole(given);
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{1} << 62) {
    refuse(value, name, wanted);
  }
  if (!value.is_number_integer()) refuse(value, name, wanted);
  const auto x = value.get<std::int64_t>();
  if (x < low || x > high) refuse(value, name, wanted);
  return x;
}

TokenId read_id(const Json& value, const std::string& name) {
  return static_cast<TokenId>(read_whole(value, name, 0, std::numeric_limits<TokenId>::max(),
                                         "made of token ids, which are whole numbers from 0"));
}

double read_bias(const Json& value, const std::string& name) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    refuse(value, name, "made of token ids with a finite number each");
  }
  return value.get<double>();
}

}  // namespace

void from_json(const Json& value, const std::string& name, double& field) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    refuse(value, name, "a finite number, such as 0.7");
  }
  field = value.get<double>();
}

void from_json(const Json& value, const std::string& name, int& field) {
  field = static_cast<int>(read_whole(value, name, std::numeric_limits<int>::min(),
                                      std::numeric_limits<int>::max(),
                                      "a whole number up to 2147483647"));
}

// Text too: beyond 2^53 that is how records have it.
void from_json(const Json& given, const std::string& name, std::uint64_t& field) {
  if (given.is_string()) {
    const auto text = given.get<std::string>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), field);
    if (error == std::errc() && end == text.data() + text.size()) return;
  }
  const Json value = as_whole(given);
  const bool negative =
      value.is_number_integer() && !value.is_number_unsigned() && value.get<std::int64_t>() < 0;
  if (!value.is_number_integer() || negative) {
    refuse(value, name, "a whole number from 0 to 18446744073709551615");
  }
  field = value.get<std::uint64_t>();
}

void from_json(const Json& value, const std::string& name, bool& field) {
  if (!value.is_boolean()) refuse(value, name, "true or false");
  field = value.get<bool>();
}

void from_json(const Json& value, const std::string& name, std::string& field) {
  if (!value.is_string()) refuse(value, name, "a text");
  field = value.get<std::string>();
}

void from_json(const Json& value, const std::string& name, std::vector<std::string>& field) {
  std::vector<std::string> texts;
  if (value.is_string()) {
    texts.push_back(value.get<std::string>());
  } else {
    if (!value.is_array()) refuse(value, name, "a text, or a list of texts");
    for (const Json& item : value) {
      if (!item.is_string()) refuse(item, name, "a text, or a list of texts");
      texts.push_back(item.get<std::string>());
    }
  }
  field = std::move(texts);
}

void from_json(const Json& value, const std::string& name, std::vector<TokenId>& field) {
  std::vector<TokenId> ids;
  if (value.is_number()) {
    ids.push_back(read_id(value, name));
  } else if (!value.is_null()) {
    if (!value.is_array()) refuse(value, name, "a token id, or a list of token ids");
    for (const Json& item : value) ids.push_back(read_id(item, name));
  }
  field = std::move(ids);
}

void from_json(const Json& value, const std::string& name, std::vector<SequenceBias>& field) {
  const std::string wanted = "a list such as [[[12, 7], -1.5], [[3], 2]]: token ids and a number";
  if (!value.is_array()) refuse(value, name, wanted);
  std::vector<SequenceBias> all;
  for (const Json& item : value) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_array() || item[0].empty()) {
      refuse(item, name, wanted);
    }
    SequenceBias entry;
    from_json(item[0], name, entry.ids);
    entry.bias = read_bias(item[1], name);
    all.push_back(std::move(entry));
  }
  field = std::move(all);
}

void from_json(const Json& value, const std::string& name, SamplingParams::LengthDecay& field) {
  const std::string wanted =
      "[START, FACTOR]: new tokens from 0 and a number above 0, such as [50, 1.02]";
  if (!value.is_array() || value.size() != 2 || !value[1].is_number()) refuse(value, name, wanted);
  SamplingParams::LengthDecay decay;
  decay.start =
      static_cast<int>(read_whole(value[0], name, 0, std::numeric_limits<int>::max(), wanted));
  decay.factor = value[1].get<double>();
  if (!(decay.factor > 0) || !std::isfinite(decay.factor)) refuse(value[1], name, wanted);
  field = decay;
}

template <class T>
void from_json(const Json& value, const std::string& name, std::optional<T>& field) {
  field.reset();
  if (value.is_null()) return;
  T read{};
  from_json(value, name, read);
  field = read;
}
template void from_json(const Json&, const std::string&, std::optional<double>&);
template void from_json(const Json&, const std::string&, std::optional<int>&);
template void from_json(const Json&, const std::string&,
                        std::optional<SamplingParams::LengthDecay>&);

Json to_json(double value) { return value; }
Json to_json(int value) { return value; }
Json to_json(std::uint64_t value) { return value; }
Json to_json(bool value) { return value; }
Json to_json(const std::string& value) { return value; }
Json to_json(const std::vector<std::string>& value) { return value; }
Json to_json(const std::vector<TokenId>& value) { return value; }
Json to_json(const std::vector<SequenceBias>& value) {
  Json json = Json::array();
  for (const SequenceBias& entry : value)
    json.push_back(Json::array({Json(entry.ids), entry.bias}));
  return json;
}
Json to_json(const SamplingParams::LengthDecay& value) {
  return Json::array({value.start, value.factor});
}
template <class T>
Json to_json(const std::optional<T>& value) {
  return value ? to_json(*value) : Json();
}
template Json to_json(const std::optional<double>&);
template Json to_json(const std::optional<int>&);
template Json to_json(const std::optional<SamplingParams::LengthDecay>&);

Json bad_words_json(const SamplingParams& params) {
  Json json = Json::array();
  for (const std::string& text : params.bad_words_texts) json.push_back(text);
  for (const auto& ids : params.bad_words) json.push_back(ids);
  return json;
}

void read_bad_words(const Json& value, const std::string& name, SamplingParams& params) {
  const std::string wanted =
      "a list of texts and of lists of token ids, such as [\"dose\", [12, 7]]";
  const Json list = value.is_string() ? Json::array({value}) : value;
  if (!list.is_array()) refuse(value, name, wanted);
  params.bad_words.clear();
  params.bad_words_texts.clear();
  for (const Json& item : list) {
    if (item.is_string()) {
      params.bad_words_texts.push_back(item.get<std::string>());
    } else {
      if (!item.is_array() || item.empty()) refuse(item, name, wanted);
      from_json(item, name, params.bad_words.emplace_back());
    }
  }
}

Json logit_bias_json(const std::vector<SequenceBias>& bias) {
  Json json = Json::object();
  for (const SequenceBias& entry : bias) json[fmt::to_string(entry.ids.front())] = entry.bias;
  return json;
}

void read_logit_bias(const Json& value, const std::string& name, std::vector<SequenceBias>& bias) {
  const std::string wanted =
      "an object such as {\"50256\": -100}: token ids with a number from -100 to 100 each";
  if (!value.is_object()) refuse(value, name, wanted);
  std::vector<SequenceBias> all;
  for (const auto& [key, number] : value.items()) {
    TokenId id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) {
      refuse(value, name, wanted);
    }
    if (!number.is_number() || !(std::abs(number.get<double>()) <= 100)) {
      refuse(number, name, wanted);
    }
    all.push_back({{id}, number.get<double>()});
  }
  bias = std::move(all);
}

void read_sampler_order(const Json& value, const std::string& name,
                        std::vector<std::string>& order) {
  std::vector<std::string> names;
  if (value.is_string()) {  // with commas, as on the command line
    const auto text = value.get<std::string>();
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      names.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  } else {
    from_json(value, name, names);
  }
  if (names.empty()) refuse(value, name, "hf, vllm, llama or a list of steps");
  order = std::move(names);
}

Json early_stopping_json(EarlyStopping value) {
  if (value == EarlyStopping::kNever) return "never";
  return value == EarlyStopping::kTrue;
}

void read_early_stopping(const Json& value, const std::string& name, EarlyStopping& field) {
  if (value == false || value == "false") {
    field = EarlyStopping::kFalse;
  } else if (value == true || value == "true") {
    field = EarlyStopping::kTrue;
  } else if (value == "never") {
    field = EarlyStopping::kNever;
  } else {
    refuse(value, name, "false, true or \"never\"");
  }
}

void read_end_at(const Json& value, const std::string& name, bool& sentence) {
  if (!value.is_null() && value != "sentence") refuse(value, name, "\"sentence\", or left out");
  sentence = !value.is_null();
}

void check_values(const SamplingParams& params) {
  const auto check_text = [](const std::string& text, const std::string& name) {
    if (text.empty()) {
      throw Error(ErrorCode::kUsage, name + " is empty; it must hold at least one character");
    }
    text::require_utf8(text, name);
  };
  for (const std::string& text : params.bad_words_texts) check_text(text, "a bad word");
  for (std::size_t i = 0; i < params.never_say.size(); ++i) {
    const std::string fault = text::never_say_fault(params.never_say[i]);
    if (fault.empty()) continue;
    const std::string problem = fmt::format(" number {}{}", i + 1, fault);
    throw SettingError("never-say", {"never_say", "a text", "texts to be found", problem});
  }
  for (const std::string& text : params.dry_sequence_breakers) check_text(text, "a DRY breaker");
  text::require_utf8(params.negative_prompt, "the negative prompt");
}

void check_values(const StoppingParams& params) {
  for (std::size_t i = 0; i < params.stop.size(); ++i) {
    const std::string name = fmt::format("stop string number {}", i + 1);
    if (params.stop[i].empty()) {
      throw Error(ErrorCode::kUsage, name + " is empty; it must hold at least one character");
    }
    text::require_utf8(params.stop[i], name);
  }
}

}  // namespace medgen::engine
