// See decoding_options.h.
#include "cli/options/decoding_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "cli/options/option_words.h"
#include "engine/generation_config.h"
#include "engine/setting_words.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

std::string flag_of(std::string_view name) {
  std::string flag = name == "num_return_sequences" ? "-n,--" : "--";
  for (const char c : name) flag += c == '_' ? '-' : c;
  return flag;
}

bool from_model(std::string_view name) {
  const auto& keys = engine::generation_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const engine::GenerationKey& key) {
    return key.use == engine::KeyUse::kSetting &&
           name == (key.setting.empty() ? key.name : key.setting);
  });
}

std::string help_of(const engine::SettingInfo& info, std::optional<int> continuations) {
  // Whatever it names is an option of this command, if not declared yet.
  std::string help = with_flags(info.help, [](std::string_view) { return true; });
  const std::string value = engine::default_text(info);
  if (info.name == "seed") {
    help += " Default: drawn by the system and reported.";
  } else if (info.name == "num_return_sequences" && continuations) {
    return help + fmt::format(" Default: {}.", *continuations);
  } else if (info.name == "num_return_sequences") {
    help += " Default: " + value + ", or 1 when greedy.";
  } else if (value != "off") {
    help += " Default: " + value + ".";
  }
  if (info.name == "stop") {
    help += " \\n in it is a line break, \\t a tab, \\\\ a backslash.";
  }
  if (from_model(info.name)) help += " A model's generation_config.json may set another default.";
  return help;
}

engine::SettingsJson parse_json(const std::string& what, const std::string& text) {
  auto value = base::parse_json<engine::SettingsJson>(text);
  if (value.is_discarded()) {
    throw Error(ErrorCode::kUsage,
                what + " is " + base::json_fault(text, "not JSON") + "; see --help for its form");
  }
  return value;
}

// A line break in a stop string is hard to type.
std::string with_escapes(const std::string& given) {
  std::string out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char next = given[i] == '\\' && i + 1 < given.size() ? given[i + 1] : '\0';
    const char meant = next == 'n' ? '\n' : next == 't' ? '\t' : next == '\\' ? '\\' : '\0';
    out += meant == '\0' ? given[i] : meant;
    i += meant == '\0' ? 0 : 1;
  }
  return out;
}

engine::SettingsJson parse_value(engine::SettingKind kind, std::string_view name,
                                 const std::string& what, const std::vector<std::string>& values) {
  const std::string last = values.empty() ? std::string() : values.back();
  if (kind == engine::SettingKind::kInteger) {
    if (name == "seed") return parse_uint64(what, last);
    return parse_int(what, last);
  }
  if (kind == engine::SettingKind::kNumber) return parse_double(what, last);
  if (kind == engine::SettingKind::kJson) return parse_json(what, last);
  if (kind != engine::SettingKind::kTexts) return last;
  engine::SettingsJson list = engine::SettingsJson::array();
  for (const std::string& given : values) {
    const std::string text = name == "stop" ? with_escapes(given) : given;
    // A list of token ids is one of the forms that --bad-words takes.
    const bool ids = name == "bad_words" && text.starts_with("[");
    list.push_back(ids ? parse_json(what, text) : engine::SettingsJson(text));
  }
  return list;
}

Metavar metavar_of(const engine::SettingInfo& info) {
  switch (info.kind) {
    case engine::SettingKind::kInteger:
      return "N";
    case engine::SettingKind::kNumber:
      return "NUMBER";
    case engine::SettingKind::kJson:
      return "JSON";
    case engine::SettingKind::kWord:
      return offers("WORD", engine::words_of(info.name));
    default:
      return "TEXT";
  }
}

}  // namespace

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const engine::SettingInfo& info : engine::setting_infos()) names.emplace_back(info.name);
  return names;
}

void declare(CommandLine& line, DecodingArguments& a, std::optional<int> continuations) {
  for (const engine::SettingInfo& info : engine::setting_infos()) {
    const std::string name(info.name);
    if (info.kind == engine::SettingKind::kFlag) {
      line.flag(flag_of(name), a.flags[name], help_of(info, continuations));
      continue;
    }
    const auto take = [&a, name, kind = info.kind](const std::string& what,
                                                   const std::vector<std::string>& values) {
      a.given[name] = parse_value(kind, name, what, values);
    };
    line.values(flag_of(name), metavar_of(info), take, help_of(info, continuations),
                info.kind == engine::SettingKind::kTexts ? CommandLine::Count::kMany
                                                         : CommandLine::Count::kOne);
  }
  line.flag("--greedy", a.greedy,
            "Always take the likeliest token. Gives one continuation: -n above 1 is refused.");
  line.exclude("--greedy", "--temperature");
  line.exclude("--max-length", "--max-new-tokens");
}

engine::SettingsJson given_settings(const DecodingArguments& arguments) {
  engine::SettingsJson given = arguments.given;
  for (const auto& [name, on] : arguments.flags) {
    if (on) given[name] = true;
  }
  if (arguments.greedy) given["temperature"] = 0;
  return given;
}

DecodingSettings resolve(const DecodingArguments& arguments, const engine::ModelDefaults& model) {
  return engine::settings_for(given_settings(arguments), model, engine::NameStyle::kFlags);
}

void check(const DecodingArguments& arguments) {
  engine::check_given(given_settings(arguments), engine::NameStyle::kFlags);
}

}  // namespace medgen::cli
