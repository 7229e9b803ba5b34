// The whole input of a job: one or more files, or standard input, as one sequence of rows with a
// running hash, of which a shard takes its part.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "batch/id_set.h"
#include "batch/raw_rows.h"
#include "batch/row_parser.h"

namespace medgen::batch {

// Takes the rows whose position, among those that are not left out, is index - 1 modulo count.
struct Shard {
  std::uint64_t index = 1;  // 1 .. count
  std::uint64_t count = 1;
};

struct InputOptions {
  std::vector<std::string> names;  // files; a lone "-" is standard input
  std::optional<InputFormat> format;
  FileForm form;
  RowNames columns;
  // Told of every row of the whole input, other shards' too; may be empty.
  std::function<void(const BatchRow& row)> on_row = {};
  // Told once a file of each field that is nearly a setting; may be empty.
  std::function<void(const std::string& message)> warn = {};
  bool trust_ids = false;  // do not check for duplicate ids
  // Rows of the whole input that are read.
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  bool skip_blank = false;  // no records for blank rows, which are still counted
  // Positions of the rows that repeat an earlier row's id, in order, if an earlier pass has found
  // them; then no table of ids is kept.
  std::optional<std::vector<std::uint64_t>> duplicate_rows;
  Shard shard;
};

class Input {
 public:
  // `stop` ends the reading of standard input. Throws Error(kUsage) for an input that cannot be
  // opened or whose format is not known.
  Input(const InputOptions& options, const std::atomic<bool>& stop);

  // The next row of the shard; false at the end. Throws Error(kUsage) for an input whose rows
  // cannot be told apart, Error(kRuntime) if it cannot be read.
  bool next(BatchRow& row);

  std::uint64_t place() const { return place_ - 1; }  // of the row last returned, within its shard
  std::uint64_t line() const { return line_; }        // of the same, within its file
  std::uint64_t rows() const { return position_; }    // read, those of other shards too

  // hash(n) = SHA-256(hash(n - 1) + text of row n); the hash of no rows is "". Line breaks do not
  // count, nor where one file ends and the next begins.
  const std::string& hash() const { return hash_; }

 private:
  bool next_raw(RawRow& raw);
  bool is_double(const BatchRow& row);
  bool is_number_of_earlier(const std::string& id) const;
  bool is_left_out(const RawRow& raw) const;
  void open_next();

  InputOptions options_;
  const std::atomic<bool>& stop_;
  std::size_t next_input_ = 0;
  std::optional<RowSplitter> splitter_;
  std::optional<RowParser> parser_;
  IdSet ids_;
  // First and last of the numbers that stand for the ids of rows without one, in order.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> numbered_;
  std::string hash_;
  std::uint64_t position_ = 0;
  std::uint64_t kept_ = 0;  // of those, the rows that are not left out
  std::uint64_t place_ = 0;
  std::uint64_t line_ = 0;
};

bool is_standard_input(const InputOptions& options);

// Throws Error(kUsage) for inputs that cannot be read as they are named. Opens nothing.
void check(const InputOptions& options);

}  // namespace medgen::batch
