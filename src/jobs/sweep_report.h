// What a sweep's samples become: metrics, a report, texts for people to rate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "jobs/batch_job.h"
#include "report/report.h"
#include "research/metrics.h"
#include "research/sample.h"
#include "research/sweep.h"

namespace medgen::jobs {

// The documents of a file as texts that people wrote. Throws Error(kUsage) if there are none.
std::vector<research::Sample> read_reference(const std::filesystem::path& file);

struct SweepReport {
  std::filesystem::path samples;  // samples.jsonl; the results go beside it
  std::vector<research::Sample> reference;
  std::string reference_name;
  research::MetricsOptions metrics;
  std::optional<std::size_t> rating_pack;
  bool raw_cells = false;  // of its tables, though a spreadsheet takes some for formulas
};

struct WrittenReport {
  std::vector<std::string> files;  // names
  std::string table;               // for a terminal
};

// Writes metrics.json, metrics.csv, report.html and, if wanted, rating_pack.csv and
// rating_key.csv; each appears whole. The model is loaded if there is a reference, to score it.
// Throws Error(kRuntime) if no prompt has texts.
WrittenReport write_report(SweepReport report, const BatchResolved& sweep,
                           const std::vector<research::SweepCell>& cells);

}  // namespace medgen::jobs
