// See the header. CLI11 reads the lines; what it would read at a cost is refused before.
#include "cli/options/config_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>

#include "base/refuse.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

std::string_view trimmed_line(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  return line.substr(0, line.find_last_not_of(kBlanks) + 1);
}

// The name of the first section of a configuration file, "[name]" on a line of its own, which a
// list over several lines may hold too. Sections are refused before CLI11 reads the file, since it
// copies their names, part by part, to each of their lines.
std::optional<std::string> first_section(const std::string& content) {
  std::istringstream lines(content);
  bool in_list = false;
  for (std::string text; std::getline(lines, text);) {
    std::string_view line = trimmed_line(text);
    if (in_list) {
      in_list = !line.ends_with(']');
      continue;
    }
    if (line.size() >= 3 && line.front() == '[' && line.back() == ']' && line != "[default]") {
      return std::string(line.substr(1, line.size() - 2));
    }
    if (line.starts_with(';') || line.starts_with('#')) continue;
    const std::size_t equals = line.find('=');
    if (equals == line.npos) continue;
    line = trimmed_line(line.substr(equals + 1));
    line = trimmed_line(line.substr(0, line.find('#')));
    in_list = line.size() > 1 && line.starts_with('[') && !line.ends_with(']');
  }
  return std::nullopt;
}

}  // namespace

void refuse_config_name(const std::string& path, const std::string& name) {
  constexpr std::size_t kLongest = 60;
  const std::string shown = name.size() > kLongest ? name.substr(0, kLongest) + "..." : name;
  base::refuse("the configuration file " + path + " sets \"" + text::replace_invalid_utf8(shown) +
               "\", which is not an option of this command: write long names without dashes, "
               "such as top-k = 40, and no sections");
}

std::vector<ConfigItem> parse_config(const std::string& text, const std::string& path) {
  if (text.find('\0') != text.npos) {
    base::refuse("the configuration file " + path + " holds a NUL: give plain text");
  }
  if (const auto section = first_section(text)) refuse_config_name(path, *section);
  std::istringstream content(text);
  CLI::ConfigBase format;
  format.parentSeparator('\0');  // a name with dots is one name, and no option's
  std::vector<ConfigItem> items;
  for (CLI::ConfigItem& item : format.from_config(content)) {
    if (!item.parents.empty()) refuse_config_name(path, item.fullname());
    items.push_back({std::move(item.name), std::move(item.inputs)});
  }
  return items;
}

std::size_t line_that_sets(const std::string& name, std::size_t times, const std::string& text) {
  std::istringstream lines(text);
  std::size_t number = 0, last = 0, found = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('=')));
    std::string first, second;
    words >> first >> second;
    if (first != name || !second.empty()) continue;
    last = number;
    ++found;
  }
  return found == times ? last : 0;
}

}  // namespace medgen::cli
