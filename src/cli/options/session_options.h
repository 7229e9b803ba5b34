// The user's options for `session`.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/options/generate_options.h"
#include "cli/options/task.h"
#include "cli/terminal.h"

namespace medgen::cli {

struct SessionArguments {
  std::optional<std::string> model, tokenizer, color, save_folder;
  std::optional<double> clear_after;  // minutes
  BackendArguments backend;
  DecodingArguments decoding;
  TaskArguments task;
  bool plain = false, no_color = false;
};

void declare(CommandLine& line, SessionArguments& arguments);

// Throws Error(kUsage) for what is out of range, and for a folder to save to that is not there or
// holds more than it should.
void check(const SessionArguments& arguments);

// 0: never.
std::chrono::milliseconds clear_after(const SessionArguments& arguments);

// Whether `generate` was given no text, and nothing that asks for one, and somebody can type.
bool asks_for_session(const GenerateArguments& arguments);
SessionArguments session_arguments(const GenerateArguments& arguments);

}  // namespace medgen::cli
