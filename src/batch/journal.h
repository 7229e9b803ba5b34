// The file beside an output that says what job it belongs to and how much of it is safely on disk.
// Each line: 16 digits of a checksum, a space, JSON. First the job; then, in any order, records
// finished ahead of their turn, and commits, each of which says how far the output is good.
// Anything after the last complete commit is ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/byte_reader.h"
#include "batch/row.h"

namespace medgen::batch {

// A finished record: what is written, and what is counted.
struct Record {
  std::uint64_t place = 0;  // of its row within the job, from 0
  std::string input_hash;   // of the input up to its row
  bool failed = false;
  std::uint64_t tokens = 0;  // generated
  std::string bytes;
};

// How far the output is good.
struct Committed {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::string sha256;                 // of those bytes
  std::uint64_t failed = 0;           // rows
  std::uint64_t tokens = 0;           // generated
  std::uint64_t last_place = 0;       // the highest of a row in it, if there is one
  std::string last_hash;              // of the input up to that row; "" if there is none
  std::vector<std::uint64_t> places;  // new ones since the commit before; only if out of order
  bool done = false;                  // the job is complete
};

// What medgen_batch_journal in its first line says. A job's records have one format, so this is
// raised with records::kRecordFormat too. medgen 0.1 wrote 1.
inline constexpr int kJournalFormat = 2;
static_assert(records::kRecordFormat == 1, "raise kJournalFormat too");

// What a journal holds.
struct JournalContent {
  int format = kJournalFormat;
  Json job;
  Json extra;  // beside the job: what it is a retry of
  Committed committed;
  std::map<std::uint64_t, Record> ahead;  // finished, not yet in the output
  std::vector<std::uint64_t> places;      // in the output, in its order; only if out of order
};

// Throws Error(kUsage) if it is not a journal, its first line is damaged, or its format is newer
// than kJournalFormat; what is damaged later on was not yet committed and is left out.
JournalContent read_journal(const std::filesystem::path& path);
JournalContent read_journal(base::Blocks blocks, const std::filesystem::path& path);

class Journal {
 public:
  // Writes a new journal with only the job, or continues what read_journal() found.
  static Journal create(const std::filesystem::path& path, const Json& job, const Json& extra);
  static Journal resume(const std::filesystem::path& path, const JournalContent& content);
  Journal(Journal&& other) noexcept;
  Journal(const Journal&) = delete;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  // Appends and flushes to the disk. Throws Error(kRuntime).
  void commit(const std::vector<const Record*>& ahead, const Committed& committed);

  std::uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  Journal(std::filesystem::path path, int descriptor, std::uint64_t bytes);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
};

std::filesystem::path journal_path(const std::filesystem::path& output);

// A job as its journal and messages have it: the hash of a prompt among its settings in place of
// the prompt. What has hashes already is left as it is.
Json without_prompts(Json job);

// Where two jobs differ: "settings.temperature was 0.7 and is now 0.9", one each.
std::vector<std::string> differences(const Json& before, const Json& now);

}  // namespace medgen::batch
