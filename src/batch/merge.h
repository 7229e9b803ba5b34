// Merges the outputs of a job's shards in the order of the input.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "batch/journal.h"

namespace medgen::batch {

struct Merged {
  int format = kJournalFormat;  // of the shards' journals
  Json job;                     // of the whole
  Committed state;
};

// Checks everything before the first byte: that each output has its journal and matches it,
// that all are of one job, that each shard is there once and complete. Throws Error(kUsage) that
// names what is missing, duplicate or different. Outputs must be JSON lines or tables in the
// input's order. Memory does not grow with the rows.
Merged merge(const std::vector<std::filesystem::path>& outputs,
             const std::function<void(std::string_view)>& write);

// The same into a descriptor; `name` is for messages. Throws Error(kRuntime) if it cannot be
// written, and ReaderGone.
Merged merge_to_descriptor(const std::vector<std::filesystem::path>& outputs, int descriptor,
                           const std::string& name);

// The same into a file, which gets a journal as if made in one run. It appears under its name only
// when it is whole. Throws Error(kRuntime) if it cannot be written.
Merged merge_to_file(const std::vector<std::filesystem::path>& outputs,
                     const std::filesystem::path& path);

}  // namespace medgen::batch
