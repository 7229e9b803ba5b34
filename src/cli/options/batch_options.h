// The user's options for `batch`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/options/input_options.h"
#include "jobs/batch_job.h"

namespace medgen::cli {

struct BatchArguments {
  InputArguments input;
  std::optional<std::string> output, id_column, format, shard, stats;
  std::optional<std::string> identifiers, row_settings, carry;
  std::optional<std::string> model, tokenizer;
  std::optional<std::int64_t> max_errors, limit;
  std::optional<int> slots;
  BackendArguments backend;
  DecodingArguments decoding;
  bool check = false, restart = false, retry_errors = false, unordered = false, quiet = false;
  bool trust_ids = false, specials = false, truncate_prompt = false;
  bool raw_cells = false;
  bool rows_may_set = true;  // their own settings
};

void declare(CommandLine& line, BatchArguments& arguments);

// The parts shared with other commands: rows of an input; a model, its back end, slots, and
// how to decode.
void declare_input(CommandLine& line, BatchArguments& arguments);
void declare_model(CommandLine& line, BatchArguments& arguments);

// Throws Error(kUsage) for options that are out of range or contradict each other.
void validate(const BatchArguments& arguments);

// What valid options ask for. Throws Error(kUsage) for settings and back ends that are out of
// range.
jobs::BatchAsked asked(const BatchArguments& arguments, const Messages& messages);

}  // namespace medgen::cli
