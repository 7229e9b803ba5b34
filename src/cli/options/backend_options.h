// The options that select a model and what runs it, the same in every command that runs a model.
#pragma once

#include <optional>
#include <string>

#include "cli/options/command_line.h"
#include "cli/output.h"
#include "medgen/backend_options.h"

namespace medgen::cli {

struct BackendArguments {
  std::optional<std::string> backend, precision, device, verify;
  std::optional<int> threads, cache_memory;
  bool trust_code = false;
};

void declare(CommandLine& line, BackendArguments& arguments);

// --model and the --tokenizer that a file needs.
void declare_model(CommandLine& line, std::optional<std::string>& model,
                   std::optional<std::string>& tokenizer);

void declare_slots(CommandLine& line, std::optional<int>& slots);
// Throws Error(kUsage) for what is out of range.
void validate_slots(const std::optional<int>& slots);

// Throws Error(kUsage) for what is out of range.
BackendOptions resolve(const BackendArguments& arguments);
// The same, with notes for the user.
BackendOptions resolve(const BackendArguments& arguments, const Messages& messages);

}  // namespace medgen::cli
