// What `batch` and `sweep` say while a job is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "jobs/batch_job.h"

namespace medgen::cli {

struct BatchEnd {
  int status = 0;
  bool complete = false;
  std::uint64_t rows = 0, failed = 0;  // in the output
};

struct BatchTalk {
  bool quiet = false;
  std::optional<std::filesystem::path> stats = {};  // gets the summary as JSON
};

// See jobs::resolve(). Ctrl-C ends the reading of the input.
jobs::BatchResolved resolve_batch(jobs::BatchAsked asked);

// Does what is left of the job; Ctrl-C keeps the rows that are finished.
BatchEnd run_batch(const jobs::BatchResolved& job, const BatchTalk& talk);

}  // namespace medgen::cli
