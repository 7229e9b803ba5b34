// Lines by memchr; CSV records by the states of RFC 4180. A violation of its rules inside a record
// ends with that record's line, so that one bad row does not affect others.
#include "batch/raw_rows.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/byte_reader.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

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
                  "also with .gz or .zst): give --input-format");
}

Blocks file_blocks(const std::filesystem::path& path) {
  auto reader = std::make_shared<base::ByteReader>(path);
  return [reader] { return reader->next(); };
}

Blocks descriptor_blocks(int descriptor, const std::atomic<bool>& stop) {
  auto buffer = std::make_shared<std::vector<char>>(std::size_t{64} << 10U);
  return [descriptor, &stop, buffer]() -> std::string_view {
    while (!stop.load(std::memory_order_relaxed)) {
      pollfd file{descriptor, POLLIN, 0};
      const int ready = ::poll(&file, 1, 100);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      const ssize_t got = ::read(descriptor, buffer->data(), buffer->size());
      if (got >= 0) return {buffer->data(), static_cast<std::size_t>(got)};
      if (errno != EINTR && errno != EAGAIN) {
        throw Error(ErrorCode::kRuntime,
                    std::string("cannot read standard input: ") + std::strerror(errno));
      }
    }
    return {};
  };
}

RowSplitter::RowSplitter(Blocks blocks, InputFormat format, std::string name)
    : blocks_(std::move(blocks)), format_(format), name_(std::move(name)) {}

bool RowSplitter::fill() {
  block_ = blocks_();
  if (std::exchange(begun_, true)) return !block_.empty();
  while (!block_.empty() && beginning_.size() < kByteOrderMark.size()) {
    beginning_ += block_;
    if (beginning_.size() < kByteOrderMark.size()) block_ = blocks_();
  }
  block_ = beginning_;
  if (block_.starts_with(kByteOrderMark)) block_.remove_prefix(kByteOrderMark.size());
  return !block_.empty() || fill();
}

// Where the record's line break is, npos if not in these bytes. Remembers the state at their end.
std::size_t RowSplitter::find_end(std::string_view bytes) {
  if (format_ == InputFormat::kText || format_ == InputFormat::kJsonl) return bytes.find('\n');
  const char separator = format_ == InputFormat::kCsv ? ',' : '\t';
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (quote_ == Quote::kInside) {
      if (c == '"') quote_ = Quote::kAfter;
      continue;
    }
    if (c == '\n') return i;
    if (quote_ == Quote::kBroken) continue;
    if (c == '"' && quote_ == Quote::kPlain) {
      quote_ = Quote::kBroken;
    } else if (c == '"') {
      quote_ = Quote::kInside;  // opened, or doubled
    } else if (c == separator) {
      quote_ = Quote::kFieldStart;
    } else if (quote_ == Quote::kAfter && c != '\r') {
      quote_ = Quote::kBroken;
    } else if (quote_ != Quote::kAfter) {
      quote_ = Quote::kPlain;
    }
  }
  return std::string_view::npos;
}

void RowSplitter::add(RawRow& row, std::string_view bytes) const {
  const std::size_t room = kMaxRowBytes - row.text.size();
  row.too_long = row.too_long || bytes.size() > room;
  row.text.append(bytes.substr(0, room));
}

bool RowSplitter::next(RawRow& row) {
  row = {.line = line_, .text = {}, .too_long = false};
  quote_ = Quote::kFieldStart;
  bool begun = false;
  while (!block_.empty() || fill()) {
    begun = true;
    const std::size_t end = find_end(block_);
    const std::string_view part = block_.substr(0, end);
    line_ += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
    add(row, part);
    if (end == std::string_view::npos) {
      block_ = {};
      if (!row.too_long || quote_ != Quote::kInside) continue;
      throw Error(ErrorCode::kUsage,
                  name_ + ": a quote opened in the record of line " + std::to_string(row.line) +
                      " is not closed within " + std::to_string(kMaxRowBytes) +
                      " bytes, so the rows after it cannot be told apart: close the quote (a quote "
                      "inside a quoted field is written twice)");
    }
    block_.remove_prefix(end + 1);
    ++line_;
    break;
  }
  if (quote_ == Quote::kInside) {
    throw Error(ErrorCode::kUsage,
                name_ + ": a quote opened in the record of line " + std::to_string(row.line) +
                    " is never closed, so the rows after it cannot be told apart: close the quote "
                    "(a quote inside a quoted field is written twice)");
  }
  if (row.text.ends_with('\r')) row.text.pop_back();
  return begun;
}

}  // namespace medgen::batch
