// Outputs of any form, as a table for a spreadsheet.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace medgen::jobs {

struct ExportedTable {
  std::uint64_t records = 0;
  std::uint64_t failed = 0;  // of those, rows that failed, which have a line that says why
};

// Reads the file twice: its records for the columns, and then for the lines, which go to `write` as
// they come, the heading first. What a batch wrote gives what it would have written as a table.
// Throws Error(kUsage) if the file holds no records, Error(kRuntime) for a damaged one.
ExportedTable export_table(const std::string& file, bool raw,
                           const std::function<void(std::string_view)>& write);

}  // namespace medgen::jobs
