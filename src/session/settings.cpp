// See the header.
#include "session/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/refuse.h"
#include "session/wipe.h"

namespace medgen::session {
namespace {

using engine::SettingInfo;
using engine::SettingKind;
using Json = engine::SettingsJson;

std::string with_underscores(std::string_view name) {
  std::string made(name);
  std::replace(made.begin(), made.end(), '-', '_');
  return made == "n" ? "num_return_sequences" : made;
}

const SettingInfo& find_setting(std::string_view typed) {
  const std::string name = with_underscores(typed);
  for (const SettingInfo& info : engine::setting_infos()) {
    if (info.name == name) return info;
  }
  const std::string nearest = engine::nearest_setting(name);
  base::refuse("there is no such setting: " +
               (nearest.empty() ? std::string() : "perhaps " + nearest + " is meant; ") +
               "/settings all lists them");
}

Json json_value(const SettingInfo& info, std::string_view value) {
  auto json = base::parse_json<Json>(std::string(value));
  if (json.is_discarded()) {
    base::refuse(fmt::format("{} takes JSON: /set {} says what", info.name, info.name));
  }
  return json;
}

Json number_value(const SettingInfo& info, std::string_view value) {
  auto json = base::parse_json<Json>(std::string(value));
  if (!json.is_number()) {
    base::refuse(
        fmt::format("{} takes a {}", info.name,
                    info.kind == SettingKind::kInteger ? "whole number" : "number, such as 0.7"));
  }
  return json;
}

Json flag_value(const SettingInfo& info, std::string_view value) {
  static const std::map<std::string_view, bool> kWords = {
      {"on", true}, {"true", true}, {"off", false}, {"false", false}};
  const auto word = kWords.find(value);
  if (word == kWords.end()) base::refuse(fmt::format("{} is on or off", info.name));
  return word->second;
}

Json value_of(const SettingInfo& info, std::string_view value) {
  switch (info.kind) {
    case SettingKind::kInteger:
    case SettingKind::kNumber:
      return number_value(info, value);
    case SettingKind::kFlag:
      return flag_value(info, value);
    case SettingKind::kJson:
      return json_value(info, value);
    case SettingKind::kTexts:
      if (value.starts_with('[')) return json_value(info, value);
      return Json::array({std::string(value)});
    default:
      return std::string(value);
  }
}

bool is_text(SettingKind kind) {
  return kind == SettingKind::kText || kind == SettingKind::kTexts || kind == SettingKind::kJson;
}

void wipe_json(Json& value) {
  if (value.is_string()) wipe(value.get_ref<std::string&>());
  if (value.is_structured()) {
    for (Json& part : value) wipe_json(part);
  }
}

constexpr std::string_view kAskedAbout[] = {
    "temperature", "top_k", "top_p",     "min_p",
    "max_length",  "seed",  "num_beams", "num_return_sequences"};

}  // namespace

Settings::Settings(Json given, engine::ModelDefaults model)
    : given_(std::move(given)), model_(std::move(model)) {
  if (given_.contains("n")) {
    given_["num_return_sequences"] = given_["n"];
    given_.erase("n");
  }
}

void Settings::set(std::string_view typed, std::string_view value) {
  const SettingInfo& info = find_setting(typed);
  const std::string name(info.name);
  Json here = here_;
  if (value == "default") {
    here.erase(name);
  } else {
    Json one = Json::object();
    one[name] = value_of(info, value);
    here = engine::merge_settings(here, one);
  }
  engine::settings_for(engine::merge_settings(given_, here), model_);  // throws
  here_ = std::move(here);
}

std::string Settings::explanation(std::string_view typed) const {
  const SettingInfo& info = find_setting(typed);
  const Line line = line_of(info, engine::settings_json(resolved()));
  return fmt::format("{} is {} ({}). {}", line.name, line.value, line.origin,
                     without_backticks(info.help));
}

DecodingSettings Settings::resolved() const {
  return engine::settings_for(engine::merge_settings(given_, here_), model_);
}

bool Settings::has_seed() const { return given_.contains("seed") || here_.contains("seed"); }

Settings::Line Settings::line_of(const SettingInfo& info, const Json& values) const {
  const std::string name(info.name);
  Line line{name, {}, "default"};
  if (here_.contains(name)) {
    line.origin = "set here";
  } else if (given_.contains(name)) {
    line.origin = "given at the start";
  } else if (model_.settings.contains(name)) {
    line.origin = "of the model";
  }
  if (name == "seed") {
    line.value = has_seed() ? fmt::to_string(resolved().sampling.seed) : "drawn for each text";
  } else if (name == "num_return_sequences") {
    line.value = fmt::format("{}", resolved().num_return_sequences);
  } else if (values.contains(name) && values[name].is_boolean()) {
    line.value = values[name].get<bool>() ? "on" : "off";
  } else if (values.contains(name)) {
    line.value = values[name].is_null() ? "off" : values[name].dump();
  } else {
    line.value = engine::default_text(info);
  }
  return line;
}

std::vector<Settings::Line> Settings::lines(bool all) const {
  const Json values = engine::settings_json(resolved());
  std::vector<Line> lines;
  for (const SettingInfo& info : engine::setting_infos()) {
    Line line = line_of(info, values);
    const bool asked_about = std::find(std::begin(kAskedAbout), std::end(kAskedAbout), info.name) !=
                             std::end(kAskedAbout);
    if (all || asked_about || line.origin != "default") lines.push_back(std::move(line));
  }
  return lines;
}

void Settings::forget_texts() {
  for (const SettingInfo& info : engine::setting_infos()) {
    const auto value = here_.find(std::string(info.name));
    if (!is_text(info.kind) || value == here_.end()) continue;
    wipe_json(*value);
    here_.erase(value);
  }
}

std::string without_backticks(std::string_view message) {
  std::string words(message);
  std::erase(words, '`');
  return words;
}

}  // namespace medgen::session
