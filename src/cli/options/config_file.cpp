// See the header.
#include "cli/options/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "base/byte_reader.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/refuse.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

using ConfigJson = nlohmann::json;

constexpr std::size_t kMaxConfigBytes = 1 << 20;

[[noreturn]] void refuse_line(const std::string& path, std::size_t line, const std::string& why) {
  base::refuse(fmt::format("the configuration file {}, line {}, {}", path, line, why));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 60 && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
         });
}

ConfigItem parse_line(std::string_view text, std::size_t line, const std::string& path) {
  const std::size_t equals = text.find('=');
  if (text.starts_with('[') && text.ends_with(']')) {
    refuse_line(path, line,
                "looks like the beginning of a section: a configuration file has no sections, but "
                "lines such as top-k = 40");
  }
  if (equals == text.npos) {
    refuse_line(path, line,
                "has no =: write an option without the dashes before it, and its value, such as "
                "top-k = 40");
  }
  ConfigItem item{std::string(trimmed(text.substr(0, equals))),
                  std::string(trimmed(text.substr(equals + 1))), line};
  std::replace(item.name.begin(), item.name.end(), '_', '-');
  if (!is_name(item.name)) {
    refuse_line(path, line,
                "does not begin with the name of an option: write long names without the dashes "
                "before them, such as top-k = 40");
  }
  if (item.value.empty()) {
    refuse_line(path, line,
                fmt::format("gives no value to {}: give one, \"\" for an empty text, or take the "
                            "line out",
                            item.name));
  }
  return item;
}

ConfigJson json_of(const ConfigItem& item, const std::string& path, const char* wanted) {
  auto json = base::parse_json<ConfigJson>(item.value);
  if (json.is_discarded()) {
    refuse_line(path, item.line,
                fmt::format("sets {} to what is {}: write {}", item.name,
                            base::json_fault(item.value, "not JSON"), wanted));
  }
  return json;
}

constexpr const char* kStringForm = "a text in double quotes as in JSON, or without quotes";
constexpr const char* kListForm =
    "a list such as [\"a\", \"b\"]; a text that begins with a bracket "
    "stands in double quotes";

}  // namespace

std::vector<ConfigItem> read_config(const std::string& path) {
  const base::Blocks blocks =
      base::without_byte_order_mark(base::file_blocks(path, ErrorCode::kUsage));
  std::string text;
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) {
    text += block;
    if (text.size() > kMaxConfigBytes) {
      base::refuse(fmt::format("the configuration file {} is longer than the {} bytes allowed",
                               path, kMaxConfigBytes));
    }
  }
  return parse_config(text, path);
}

std::vector<ConfigItem> parse_config(const std::string& text, const std::string& path) {
  std::vector<ConfigItem> items;
  std::istringstream lines(text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find('\0') != line.npos) refuse_line(path, number, "holds a NUL: give plain text");
    if (text::find_invalid_utf8(line)) {
      refuse_line(path, number, "is not UTF-8: save the file in that encoding");
    }
    const std::string_view content = trimmed(line);
    if (content.empty() || content.starts_with('#')) continue;
    items.push_back(parse_line(content, number, path));
  }
  return items;
}

std::vector<std::string> config_values(const ConfigItem& item, const std::string& path,
                                       ConfigKind kind) {
  const std::string& value = item.value;
  if (kind == ConfigKind::kJson) return {value};
  if (value.starts_with('"')) return {json_of(item, path, kStringForm).get<std::string>()};
  if (value.size() > 1 && value.starts_with('\'') && value.ends_with('\'')) {
    refuse_line(path, item.line,
                fmt::format("has single quotes around the value of {}: write double quotes, or "
                            "none; '...' itself is \"'...'\"",
                            item.name));
  }
  if (kind != ConfigKind::kMany || !value.starts_with('[')) return {value};
  std::vector<std::string> values;
  for (const ConfigJson& element : json_of(item, path, kListForm)) {
    // A list within the list is for the option to read.
    if (!element.is_string() && !element.is_array()) {
      refuse_line(path, item.line,
                  fmt::format("gives {} a list of other things than texts: write {}", item.name,
                              kListForm));
    }
    values.push_back(element.is_string() ? element.get<std::string>() : element.dump());
  }
  if (values.empty()) {
    refuse_line(path, item.line,
                fmt::format("gives {} an empty list: take the line out", item.name));
  }
  return values;
}

void refuse_config_name(const std::string& path, const ConfigItem& item,
                        const std::vector<std::string>& options) {
  const std::string meant = base::nearest("--" + item.name, options);
  if (!meant.empty()) {
    refuse_line(path, item.line,
                fmt::format("sets \"{}\", which is not an option of this command; did you mean {}?",
                            item.name, meant.substr(2)));
  }
  refuse_line(path, item.line,
              "sets what is not an option of this command: --help lists those that there are");
}

}  // namespace medgen::cli
