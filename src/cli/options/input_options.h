// The options of commands that read rows of prompts: `batch`, `sweep` and `screen`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/input.h"
#include "cli/options/command_line.h"

namespace medgen::cli {

struct InputArguments {
  std::optional<std::vector<std::string>> names;
  std::optional<std::string> format, delimiter, encoding, prompt_column;
  bool skip_blank = false;
};

// `name` and `help` are of the positional; `column_help` is of --prompt-column.
void declare(CommandLine& line, InputArguments& arguments, const char* name,
             const std::string& help, const std::string& column_help);

batch::InputOptions input_options(const InputArguments& arguments);

}  // namespace medgen::cli
