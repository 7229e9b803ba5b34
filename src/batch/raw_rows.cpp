// Lines and CSV records as rows; what ends an input is said in the words of a batch.
#include "batch/raw_rows.h"

#include <fmt/format.h>

#include <utility>

#include "medgen/error.h"

namespace medgen::batch {
InputFormat format_of_name(const std::filesystem::path& path) {
  std::filesystem::path name = path.filename();
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  const std::string extension = name.extension().string();
  if (extension == ".txt") return InputFormat::kText;
  if (extension == ".csv") return InputFormat::kCsv;
  if (extension == ".tsv") return InputFormat::kTsv;
  if (extension == ".jsonl" || extension == ".ndjson") return InputFormat::kJsonl;
  throw Error(ErrorCode::kUsage,
              path.string() +
                  " has a name that does not tell its format (.txt, .csv, .tsv or .jsonl, each "
                  "also with .gz or .zst): give `input_format`");
}

RowSplitter::RowSplitter(base::Blocks blocks, InputFormat format, std::string name)
    : name_(std::move(name)) {
  base::Blocks text = base::without_byte_order_mark(std::move(blocks));
  if (format == InputFormat::kCsv || format == InputFormat::kTsv) {
    records_.emplace(std::move(text), format == InputFormat::kCsv ? ',' : '\t', kMaxRowBytes,
                     base::CsvReader::LongQuote::kGiveUp);
  } else {
    lines_.emplace(std::move(text), kMaxRowBytes);
  }
}

bool RowSplitter::next(RawRow& row) { return lines_ ? next_line(row) : next_record(row); }

bool RowSplitter::next_line(RawRow& row) {
  base::Line line;
  if (!lines_->next(line)) return false;
  if (line.text.ends_with('\r')) line.text.pop_back();
  row = {.line = line.number, .text = std::move(line.text), .too_long = line.too_long};
  return true;
}

bool RowSplitter::next_record(RawRow& row) {
  base::CsvRecord record;
  if (!records_->next(record)) return false;
  if (record.open_quote) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{}: a quote opened in the record of line {}{}, so the rows after it cannot be "
                    "told apart: close the quote (a quote inside a quoted field is written twice)",
                    name_, record.line,
                    record.too_long ? fmt::format(" is not closed within {} bytes", kMaxRowBytes)
                                    : std::string(" is never closed")));
  }
  row = {.line = record.line,
         .text = std::move(record.text),
         .too_long = record.too_long,
         .fields = std::move(record.fields),
         .csv_error = std::move(record.error)};
  return true;
}

}  // namespace medgen::batch
