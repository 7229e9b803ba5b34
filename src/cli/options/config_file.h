// What a configuration file sets, in CLI11's form of INI and TOML. Knows nothing of the options
// that there are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace medgen::cli {

struct ConfigItem {
  std::string name;  // as the file has it: "top-k"
  std::vector<std::string> values;
};

// In the order of the text. `path` is for messages. Throws Error(kUsage) for a NUL and for
// sections.
std::vector<ConfigItem> parse_config(const std::string& text, const std::string& path);

[[noreturn]] void refuse_config_name(const std::string& path, const std::string& name);

// The number of the last line that sets `name`; 0 where that is not plain to see, as when a text of
// several lines looks like one that does.
std::size_t line_that_sets(const std::string& name, std::size_t times, const std::string& text);

}  // namespace medgen::cli
