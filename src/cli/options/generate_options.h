// The user's options for `generate`, before they are resolved once the model's own defaults are
// known.
#pragma once

#include <optional>
#include <string>

#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/options/task.h"
#include "cli/terminal.h"
#include "medgen/params.h"

namespace medgen::cli {

// Unset means: neither the command line nor the environment nor the configuration file says.
struct GenerateArguments {
  std::optional<std::string> text, prompt_file, prompt_ids, model, tokenizer, color, identifiers;
  BackendArguments backend;
  DecodingArguments decoding;
  TaskArguments task;
  bool specials = false, truncate_prompt = false, json = false, quiet = false, no_color = false;
};

// What the help of a command says of these options, where it is not `generate`.
struct GenerateHelp {
  std::string json = "Print one line of JSON: prompt, completions, provenance, notice.";
  std::optional<int> continuations = {};  // by default, instead of params.h's
};

void declare(CommandLine& line, GenerateArguments& arguments, const GenerateHelp& help = {});

// See decoding_options.h; the other options are checked besides.
DecodingSettings resolve(const GenerateArguments& arguments, const engine::ModelDefaults& model);
void check(const GenerateArguments& arguments);

// --color and --no-color.
void declare_color(CommandLine& line, std::optional<std::string>& color, bool& no_color);
ColorChoice color_choice(const std::optional<std::string>& color, bool no_color);
ColorChoice color_choice(const GenerateArguments& arguments);

}  // namespace medgen::cli
