// The options that say what is told and where, the same in every command.
#pragma once

#include <optional>
#include <string>

#include "cli/options/command_line.h"

namespace medgen::cli {

struct LogArguments {
  bool verbose = false;
  std::optional<std::string> file, format;
};

void declare(CommandLine& line, LogArguments& arguments);

// Lines are logged as asked from now on; with `quiet`, standard error has nothing more than before.
// Throws Error(kUsage) for a MEDGEN_LOG that is no level, and what start_log() throws.
void start_log(const LogArguments& arguments, bool quiet);

}  // namespace medgen::cli
