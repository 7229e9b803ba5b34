// A checkpoint as it lies in a file: what it says of its run, and where its tensors are. It may
// come from elsewhere: nothing in it costs more memory than the file has bytes. Nothing of libtorch
// here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "bundle/torch_archive.h"
#include "corpus/token_stream.h"

namespace medgen::train {

struct RunState {
  std::int64_t step = 0;
  corpus::TokenStream::Position position;               // in the main data
  std::optional<corpus::TokenStream::Position> anneal;  // in the anneal data
  std::string record;          // TrainingRecord::text(); empty in older ones
  double best_loss = 0;        // of early stopping
  std::int64_t best_step = 0;  // 0: nothing measured yet
  std::int64_t measures_since_best = 0;
};

struct CheckpointFile {
  bundle::TorchArchive archive;
  std::map<std::string, bundle::StoredTensor> tensors;  // row-major; those of the state too
  RunState state;
};

// Throws Error(kModel) for what no run could have written; steps are counted from 0, and no higher
// bound on them is known here.
CheckpointFile read_checkpoint_file(const std::filesystem::path& file);

}  // namespace medgen::train
