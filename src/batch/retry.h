// Running the failed rows of a complete output again: the other records are copied as they are. The
// new output grows beside the old one and takes its place when it is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lines.h"
#include "batch/journal.h"
#include "batch/output_file.h"
#include "batch/row.h"
#include "records/reader.h"
#include "records/table.h"

namespace medgen::batch {

// The record that an earlier run gave for a row, if it is to be kept. Called for every row in
// order.
using Passed = std::function<std::optional<Record>(const BatchRow& row)>;

// The records of a complete output in the order of the input.
class OldOutput {
 public:
  explicit OldOutput(const std::filesystem::path& path);
  // A table.
  OldOutput(const std::filesystem::path& path, records::TableColumns columns);

  // Throws Error(kUsage) if the row is not the one that the record, if not an error, was made
  // for.
  std::optional<Record> record_of(const BatchRow& row);

 private:
  bool next(records::Json& record, Record& kept);
  bool is_of(const records::RecordReader& record, const BatchRow& row) const;

  std::string name_;
  base::Lines lines_;
  std::optional<records::TableReader> table_;
  records::TableColumns columns_;
  std::vector<std::string> carried_;  // of the record last read
  std::uint64_t line_ = 0;            // last read
};

// OUT.retry
std::filesystem::path retry_path(const std::filesystem::path& output);

// The new output: continued if what is there belongs to the same job, else started over.
std::unique_ptr<OutputFile> open_retry(const std::filesystem::path& output, const Json& job,
                                       const Json& extra);

// Puts the new output and its journal in place of the old ones: the journal first. If that is
// interrupted, mend_retry() finishes it; otherwise that does nothing.
void replace_by_retry(const std::filesystem::path& output);
void mend_retry(const std::filesystem::path& output);

}  // namespace medgen::batch
