// Cuts inputs into rows without understanding them: lines, or CSV records. One row is held at a
// time, and none that is longer than kMaxRowBytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_reader.h"
#include "base/csv.h"
#include "base/lines.h"
#include "base/text_blocks.h"

namespace medgen::batch {

inline constexpr std::size_t kMaxRowBytes = std::size_t{4} << 20U;

enum class InputFormat { kText, kCsv, kTsv, kJsonl };

// From the name, without .gz or .zst. Throws Error(kUsage) if the name does not tell.
InputFormat format_of_name(const std::filesystem::path& path);

// How a file of a format is written, where that is not the usual way.
struct FileForm {
  std::optional<char> separator;     // of a table; unset: a comma, or a tab in TSV
  bool separator_of_header = false;  // the one that its header uses
  base::Encoding encoding = base::Encoding::kUtf8;
};

// The separator that a header uses outside quotes. Throws Error(kUsage) with `name` if it uses two
// equally often; a comma if it uses none.
char separator_of_header(std::string_view beginning, const std::string& name);

struct RawRow {
  std::uint64_t line = 0;  // where it begins, from 1
  std::string text;        // without its line break
  bool too_long = false;   // then `text` is its beginning
  // Of CSV and TSV.
  std::vector<std::string> fields = {};
  std::string csv_error = {};  // which rule it breaks, if any; then it has no fields
};

// Rows of one input.
class RowSplitter {
 public:
  // `name` is for messages. Throws Error(kUsage) for a file that is not in its encoding as a whole.
  RowSplitter(base::Blocks blocks, InputFormat format, std::string name, const FileForm& form = {});

  char separator() const { return separator_; }  // of a table

  // False at the end. Throws Error(kUsage) for a CSV quote that is never closed: the rows after it
  // cannot be told apart.
  bool next(RawRow& row);

 private:
  bool next_line(RawRow& row);
  bool next_record(RawRow& row);

  std::string name_;
  char separator_ = ',';
  std::optional<base::Lines> lines_;
  std::optional<base::CsvReader> records_;  // one of the two
};

}  // namespace medgen::batch
