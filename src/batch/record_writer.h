// Puts records into an output in the order of their rows, or as they arrive, and makes them durable
// once a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "batch/journal.h"

namespace medgen::batch {

class RecordWriter {
 public:
  // A pipe or the terminal: every record is passed on at once, nothing is journaled.
  RecordWriter(int descriptor, std::string name, bool in_order);

  // A file whose first `start.committed.bytes` bytes, of which `hash` is the hash, are good.
  RecordWriter(int descriptor, std::string name, bool in_order, Journal journal,
               JournalContent start, std::unique_ptr<base::RunningHash> hash);

  // What stands before the first record; only for an output that is empty.
  void write_heading(const std::string& bytes);

  // How often a commit is due; 0.9 s by default, so that with the commit itself at
  // most a second of work is at risk.
  void set_commit_interval(std::chrono::milliseconds interval) { commit_interval_ = interval; }

  void put(Record record);
  void commit_if_due();
  void commit();
  void finish();  // the job is complete

  std::uint64_t rows() const { return state_.rows; }  // in the output
  std::uint64_t failed() const { return state_.failed; }
  std::uint64_t tokens() const { return state_.tokens; }
  const Committed& state() const { return state_; }

 private:
  struct Held {
    Record record;
    bool journaled = false;
  };
  void append(const Record& record);
  void write_buffer();
  void shrink_journal();

  int descriptor_;
  std::string name_;
  bool in_order_;
  std::optional<Journal> journal_;
  Json job_, extra_;
  std::unique_ptr<base::RunningHash> hash_;
  Committed state_;
  std::map<std::uint64_t, Held> held_;  // finished ahead of their turn
  std::string buffer_;
  bool dirty_ = false;
  std::chrono::milliseconds commit_interval_{900};
  std::chrono::steady_clock::time_point last_commit_;
  std::uint64_t journal_limit_ = 0;   // bytes at which rewriting it is worthwhile
  bool journal_has_records_ = false;  // some that waited for their turn, with their text
};

}  // namespace medgen::batch
