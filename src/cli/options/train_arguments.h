// The options of `medgen train`, from the command line into TrainOptions.
#pragma once

#include "cli/commands/commands.h"
#include "train/train_options.h"

namespace medgen::cli {

struct TrainArguments {
  train::TrainOptions options;
  bool quiet = false;
};

// Throws Error(kUsage), or HelpRequested.
TrainArguments parse_train_arguments(const Arguments& words);

}  // namespace medgen::cli
