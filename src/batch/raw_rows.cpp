// Lines and CSV records as rows; what ends an input is said in the words of a batch.
#include "batch/raw_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "medgen/error.h"

namespace medgen::batch {
InputFormat format_of_name(const std::filesystem::path& path) {
  const std::string extension = base::uncompressed_name(path).extension().string();
  if (extension == ".txt") return InputFormat::kText;
  if (extension == ".csv") return InputFormat::kCsv;
  if (extension == ".tsv") return InputFormat::kTsv;
  if (extension == ".jsonl" || extension == ".ndjson") return InputFormat::kJsonl;
  throw Error(ErrorCode::kUsage,
              path.string() +
                  " has a name that does not tell its format (.txt, .csv, .tsv or .jsonl, each "
                  "also with .gz or .zst): give `input_format`");
}

namespace {

constexpr std::size_t kMostReadAhead = std::size_t{64} << 10U;

// Up to a line feed, or as much as is looked at.
std::string read_ahead(base::Blocks& blocks, bool& ended) {
  std::string beginning;
  while (!ended && beginning.size() < kMostReadAhead && beginning.find('\n') == std::string::npos) {
    const std::string_view block = blocks();
    ended = block.empty();
    beginning += block;
  }
  return beginning;
}

// Its bytes would be refused one row after another.
void refuse_mark_of_utf16(std::string_view beginning, const std::string& name) {
  if (beginning.starts_with("\xFF\xFE") || beginning.starts_with("\xFE\xFF")) {
    throw Error(ErrorCode::kUsage,
                name + " begins with the mark of UTF-16: give `encoding` utf-16");
  }
}

}  // namespace

char separator_of_header(std::string_view beginning, const std::string& name) {
  constexpr std::string_view kCandidates = ",;\t|";
  std::array<std::size_t, kCandidates.size()> counts{};
  bool quoted = false;
  for (const char c : beginning.substr(0, beginning.find_first_of("\r\n"))) {
    if (c == '"') quoted = !quoted;
    const std::size_t at = quoted ? std::string_view::npos : kCandidates.find(c);
    if (at != std::string_view::npos) ++counts.at(at);
  }
  const auto* most = std::max_element(counts.begin(), counts.end());
  if (*most == 0) return ',';
  if (std::count(counts.begin(), counts.end(), *most) > 1) {
    throw Error(ErrorCode::kUsage,
                name +
                    ": its header uses two separators equally often: give `delimiter` \";\", "
                    "\",\", \"|\" or tab");
  }
  return kCandidates[static_cast<std::size_t>(most - counts.begin())];
}

RowSplitter::RowSplitter(base::Blocks blocks, InputFormat format, std::string name,
                         const FileForm& form)
    : name_(std::move(name)) {
  base::Blocks text =
      base::without_byte_order_mark(base::decoded(std::move(blocks), form.encoding, name_));
  bool ended = false;
  std::string beginning = read_ahead(text, ended);
  if (form.encoding == base::Encoding::kUtf8) refuse_mark_of_utf16(beginning, name_);
  // As much of it as is there whatever the size of blocks.
  const std::string_view looked_at = std::string_view(beginning).substr(0, kMostReadAhead);
  const bool old_mac = base::ends_lines_in_cr(looked_at);
  const bool table = format == InputFormat::kCsv || format == InputFormat::kTsv;
  separator_ = form.separator.value_or(format == InputFormat::kTsv ? '\t' : ',');
  if (table && form.separator_of_header) separator_ = separator_of_header(looked_at, name_);
  // What has ended is not asked again: a terminal would wait.
  text = base::with_beginning(std::move(beginning),
                              ended ? [] { return std::string_view(); } : std::move(text));
  if (old_mac) text = base::cr_as_lf(std::move(text));
  if (table) {
    records_.emplace(std::move(text), separator_, kMaxRowBytes,
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
