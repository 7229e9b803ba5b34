// Messages while a batch runs, and at its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "batch/record_writer.h"
#include "batch/run.h"
#include "cli/progress.h"

namespace medgen::cli {

class BatchProgress {
 public:
  // `before`: rows that were done already. `total` may be unknown (0).
  BatchProgress(std::uint64_t before, std::uint64_t total, bool quiet);

  void show(const batch::RecordWriter& writer, std::uint64_t tokens);
  void end() { progress_.clear(); }

  double seconds() const;

 private:
  std::string line(const batch::RecordWriter& writer, std::uint64_t tokens) const;

  std::uint64_t before_, total_;
  Progress progress_;
  std::chrono::steady_clock::time_point begin_;
};

struct BatchSummary {
  std::string ending;  // "complete", "interrupted", "too many errors"
  batch::Committed state;
  batch::RunResult result;
  std::uint64_t rows_total = 0;  // of the shard; 0 if not known
  double seconds = 0;
  int slots = 0;
  std::string backend, precision;
};

std::string summary_line(const BatchSummary& summary);
std::string summary_json(const BatchSummary& summary);

}  // namespace medgen::cli
