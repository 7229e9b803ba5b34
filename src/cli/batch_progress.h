// Messages while a batch runs, and at its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "batch/record_writer.h"
#include "cli/progress.h"
#include "jobs/batch_job.h"

namespace medgen::cli {

class BatchProgress {
 public:
  // `before`: rows that were done already. `total` may be unknown (0).
  BatchProgress(std::uint64_t before, std::uint64_t total, bool quiet);

  void show(const batch::RecordWriter& writer, std::uint64_t tokens);

 private:
  double seconds() const;
  std::string line(const batch::RecordWriter& writer, std::uint64_t tokens) const;

  std::uint64_t before_, total_;
  Progress progress_;
  std::chrono::steady_clock::time_point begin_;
};

std::string summary_line(const jobs::BatchSummary& summary);
std::string summary_json(const jobs::BatchSummary& summary);

}  // namespace medgen::cli
