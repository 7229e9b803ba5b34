// Files of records, of medgen and of other programs, one record at a time.
#pragma once

#include <filesystem>
#include <functional>

#include "records/reader.h"

namespace medgen::records {

// What becomes of a line that is not JSON.
enum class Damaged {
  kGive,    // it is a record without anything
  kRefuse,  // Error(kRuntime) with the place and the cause
};

// Calls `visit` with every record of a file of JSON lines, of one JSON object or array over several
// lines, or of a table as `batch` writes it (.csv), each also with .zst or .gz. Blank lines are
// passed over. An array is a record for each element, but for what a pipeline of transformers gives
// for one prompt, which is one. Throws Error(kUsage) if the file holds no JSON.
void read_records(const std::filesystem::path& file,
                  const std::function<void(const RecordReader&)>& visit,
                  Damaged damaged = Damaged::kGive);

// The same, where a damaged line is refused and errors of `visit` get the file and the place in
// front of them.
void read_placed_records(const std::filesystem::path& file,
                         const std::function<void(const RecordReader&)>& visit);

}  // namespace medgen::records
