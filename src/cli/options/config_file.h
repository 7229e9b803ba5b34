// What a configuration file sets. Knows nothing of the options that there are.
//
// A line is empty, a comment (its first character is #), or a name, a = and a value. The name is an
// option's without the dashes before it, with dashes or underscores inside. The value is the rest
// of the line without blanks around it: a # in it belongs to it. A value that begins with a double
// quote is a JSON string, one that begins with [ a JSON list where the option takes several values,
// and where it takes JSON the value is read as such. The file is UTF-8, as it is or compressed
// (.gz, .zst); a byte order mark is passed over.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace medgen::cli {

struct ConfigItem {
  std::string name;   // with dashes: "top-k"
  std::string value;  // as the file has it, never empty
  std::size_t line = 0;
};

// In the order of the file. Each throws Error(kUsage) that names the file and the line, and repeats
// nothing else of it.
std::vector<ConfigItem> read_config(const std::string& path);
// `path` is for messages.
std::vector<ConfigItem> parse_config(const std::string& text, const std::string& path);

// kOne: one value. kJson: one, of JSON. kMany: any number.
enum class ConfigKind { kOne, kJson, kMany };
std::vector<std::string> config_values(const ConfigItem& item, const std::string& path,
                                       ConfigKind kind);

// `options` are those of the command, "--top-k".
[[noreturn]] void refuse_config_name(const std::string& path, const ConfigItem& item,
                                     const std::vector<std::string>& options);

}  // namespace medgen::cli
