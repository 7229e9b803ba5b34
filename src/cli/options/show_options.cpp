// See the header.
#include "cli/options/show_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace medgen::cli {
namespace {

using Json = nlohmann::json;

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As it is, or in quotes where it would not be read as itself.
std::string bare_or_quoted(const std::string& value) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const bool plain = !value.empty() && value.find_first_of("\"'\n\r") == value.npos &&
                     value[0] != '[' && kBlanks.find(value.front()) == kBlanks.npos &&
                     kBlanks.find(value.back()) == kBlanks.npos;
  return plain ? value : json_text(value);
}

std::string value_of(const ShownOption& option) {
  if (option.flag) return option.values.empty() ? "true" : option.values.back();
  if (option.many && option.values.size() > 1) return json_text(option.values);
  if (option.values.empty()) return "";
  const std::string& last = option.values.back();
  const bool json = last.starts_with('[') || last.starts_with('{');
  return json && !option.many ? last : bare_or_quoted(last);
}

// What help says behind "Default: ", up to the end of the sentence.
std::string default_in_help(const ShownOption& option) {
  constexpr std::string_view kBegin = "Default: ";
  if (option.flag) return "false";
  const std::size_t begin = option.help.rfind(kBegin);
  if (begin == option.help.npos) return "-";
  std::string text = option.help.substr(begin + kBegin.size());
  text = text.substr(0, text.find(". "));
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::string options_shown(const std::vector<ShownOption>& options) {
  std::size_t name_width = 0, value_width = 0;
  std::vector<std::string> values;
  for (const ShownOption& option : options) {
    values.push_back(option.set ? value_of(option) : default_in_help(option));
    name_width = std::max(name_width, option.name.size());
    value_width = std::max(value_width, std::min<std::size_t>(values.back().size(), 30));
  }
  std::string text;
  for (std::size_t i = 0; i < options.size(); ++i) {
    std::string from = options[i].set ? options[i].from : "default";
    if (from.ends_with(',')) from.pop_back();
    text += fmt::format("{:<{}}  {:<{}}  {}\n", options[i].name, name_width, values[i], value_width,
                        from);
  }
  return text +
         "\nA model's generation_config.json comes before the defaults: `medgen inspect` shows "
         "it.\n";
}

}  // namespace medgen::cli
