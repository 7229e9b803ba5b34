// What --show-config prints.
#pragma once

#include <string>
#include <vector>

namespace medgen::cli {

struct ShownOption {
  std::string name;  // "--top-k"
  std::string help;  // which says the default
  bool flag = false;
  bool many = false;
  bool set = false;
  std::vector<std::string> values = {};
  std::string from = {};  // where they were set
};

// A line for each: name, value, where it comes from. Values are written as a configuration file
// takes them.
std::string options_shown(const std::vector<ShownOption>& options);

}  // namespace medgen::cli
