// The options that select a back end, the same in every command that runs a model.
#pragma once

#include <optional>
#include <string>

#include "cli/options/command_line.h"
#include "cli/output.h"
#include "medgen/backend_options.h"

namespace medgen::cli {

struct BackendArguments {
  std::optional<std::string> backend, precision, device;
  std::optional<int> threads, cache_memory;
  bool trust_code = false;
};

void declare(CommandLine& line, BackendArguments& arguments);

// Throws Error(kUsage) for what is out of range.
BackendOptions resolve(const BackendArguments& arguments);
// The same, with notes for the user.
BackendOptions resolve(const BackendArguments& arguments, const Messages& messages);

}  // namespace medgen::cli
