// The options of `medgen train`, from the command line into TrainOptions.
#pragma once

#include <optional>
#include <string>

#include "cli/commands/commands.h"
#include "train/train_options.h"

namespace medgen::cli {

struct TrainArguments {
  train::TrainOptions options;
  std::optional<std::string> identifiers;
  bool quiet = false;
};

// Throws Error(kUsage), or HelpRequested.
TrainArguments parse_train_arguments(const Arguments& words);

}  // namespace medgen::cli
