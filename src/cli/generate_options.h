// What the user asked of `generate`, apart from what it resolves to once the model's own defaults
// are known. No side effects here, and no knowledge of models or terminals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/terminal.h"
#include "medgen/bundle.h"
#include "medgen/params.h"

namespace medgen::cli {

// Unset means: neither the command line nor the environment nor the configuration file says.
struct GenerateArguments {
  std::optional<std::string> text, prompt_file, model, tokenizer, device, color;
  std::optional<float> temperature, top_p;
  std::optional<int> top_k, max_length, max_new_tokens, num_return_sequences, threads;
  std::optional<std::uint64_t> seed;
  std::optional<std::vector<std::string>> stop;
  bool greedy = false, truncate_prompt = false, json = false, quiet = false, no_color = false;
};

void declare(CommandLine& line, GenerateArguments& arguments);

struct GenerateSettings {
  SamplingParams sampling;  // seed 0 unless the user gave one
  StoppingParams stopping;
  int num_return_sequences = kDefaultNumReturnSequences;
};

// The user's word first, then the model's generation_config.json, then the defaults of params.h.
// Throws Error(kUsage) for what is out of range or contradicts itself.
GenerateSettings resolve(const GenerateArguments& arguments, const GenerationDefaults& defaults);

ColorChoice color_choice(const GenerateArguments& arguments);

}  // namespace medgen::cli
