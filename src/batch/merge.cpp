// Shard I of N holds the rows I - 1, I - 1 + N, ... in order: taking one line of each in turn
// restores the whole.
#include "batch/merge.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/lines.h"
#include "base/new_file.h"
#include "base/refuse.h"
#include "base/sha256.h"
#include "batch/output_file.h"
#include "batch/write_output.h"
#include "medgen/error.h"
#include "records/table.h"

namespace medgen::batch {
namespace {

namespace fs = std::filesystem;

using base::refuse;

constexpr std::size_t kMergeBufferBytes = std::size_t{1} << 20U;

struct Part {
  fs::path path;
  std::uint64_t index = 0;  // from 1
  std::uint64_t count = 0;
  JournalContent content;
};

std::string shard_name(std::uint64_t index) { return fmt::format("shard {}", index); }

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Part open_part(const fs::path& path) {
  if (!fs::exists(path)) refuse(path.string() + " does not exist");
  if (!fs::exists(journal_path(path))) {
    refuse(path.string() + " has no journal (" + journal_path(path).string() +
           "), so what it belongs to is not known: keep both files together");
  }
  Part part;
  part.path = path;
  part.content = read_journal(journal_path(path));
  const Json& job = part.content.job;
  const std::string shard = job.is_object() ? job.value("shard", std::string()) : std::string();
  const std::size_t slash = shard.find('/');
  if (slash != std::string::npos) {
    part.index = number(std::string_view(shard).substr(0, slash));
    part.count = number(std::string_view(shard).substr(slash + 1));
  }
  if (part.index < 1 || part.index > part.count) {
    refuse(path.string() + " does not say which shard it is: its journal is damaged");
  }
  if (job.value("format", std::string()) == "txt" || job.value("order", std::string()) != "input") {
    refuse(path.string() +
           " is not jsonl or csv in the order of the input, which is what can be merged: run the "
           "shards without `format` txt and `unordered`");
  }
  return part;
}

bool is_table(const Part& part) {
  return part.content.job.value("format", std::string()).starts_with("csv");
}

// What the rows of a shard have become, row by row.
class PartRows {
 public:
  explicit PartRows(const Part& part)
      : lines_(base::plain_file_blocks(part.path), base::Lines::kAnyLength),
        lines_per_row_(part.content.job.value("lines_per_row", std::uint64_t{1})) {
    if (is_table(part)) table_.emplace(base::plain_file_blocks(part.path), part.path.string());
  }

  std::string heading() const { return table_ ? table_->heading() : std::string(); }

  // Appends a row's lines; false if there are none.
  bool next(std::string& lines) {
    if (table_) {
      records::TableLines row;
      if (!table_->next(row)) return false;
      lines += row.bytes;
      return true;
    }
    base::Line line;
    for (std::uint64_t i = 0; i < lines_per_row_; ++i) {
      if (!lines_.next(line)) return false;
      lines += line.text;
      lines += '\n';
    }
    return true;
  }

 private:
  base::Lines lines_;
  std::uint64_t lines_per_row_;
  std::optional<records::TableReader> table_;
};

Json without_shard(Json job) {
  job.erase("shard");
  return job;
}

void require_one_job(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (part.content.format != parts[0].content.format) {
      refuse(
          fmt::format("{} and {} are not of one job: their journals have the formats {} and {}; "
                      "run all shards with one medgen",
                      parts[0].path.string(), part.path.string(), parts[0].content.format,
                      part.content.format));
    }
    const auto found =
        differences(without_shard(parts[0].content.job), without_shard(part.content.job));
    if (!found.empty()) {
      refuse(parts[0].path.string() + " and " + part.path.string() +
             " are not of one job: " + found[0]);
    }
    if (part.count != parts[0].count) {
      refuse(fmt::format("{} is one of {} shards, {} one of {}", parts[0].path.string(),
                         parts[0].count, part.path.string(), part.count));
    }
  }
}

// In order of their index, each once.
void require_all(std::vector<Part>& parts) {
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.index < b.index; });
  std::string missing;
  std::uint64_t expected = 1;
  std::uint64_t n_missing = 0;
  for (const Part& part : parts) {
    if (part.index < expected) {
      refuse(shard_name(part.index) + " appears twice: " + (&part - 1)->path.string() + " and " +
             part.path.string());
    }
    for (; expected < part.index; ++expected, ++n_missing) {
      if (n_missing < 20) missing += fmt::format(" {}", expected);
    }
    ++expected;
  }
  for (; expected <= parts[0].count; ++expected, ++n_missing) {
    if (n_missing < 20) missing += fmt::format(" {}", expected);
  }
  if (n_missing > 0) {
    refuse(fmt::format("{} of {} shards are missing:{}{}", n_missing, parts[0].count, missing,
                       n_missing > 20 ? " ..." : ""));
  }
}

// Checks that it is complete and as its journal says.
void require_whole(const Part& part) {
  const Committed& c = part.content.committed;
  const std::string name = shard_name(part.index) + " (" + part.path.string() + ")";
  if (!c.done) {
    const std::uint64_t first = c.rows * part.count + part.index;
    refuse(
        fmt::format("{} is not complete: from row {} of the input on, its rows are missing; run "
                    "its command again",
                    name, first));
  }
  const int descriptor = ::open(part.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) refuse(part.path.string() + " cannot be read");
  const auto hash = hash_of_beginning(descriptor, c.bytes);
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  ::close(descriptor);
  if (!hash || size != static_cast<off_t>(c.bytes) || hash->hex() != c.sha256) {
    refuse(name +
           " is not what its journal says was written: it was changed or cut since; put the "
           "file back, or run that shard again with `restart`");
  }
}

}  // namespace

Merged merge(const std::vector<fs::path>& outputs,
             const std::function<void(std::string_view)>& write) {
  if (outputs.empty()) refuse("nothing to merge: name the outputs of all shards");
  std::vector<Part> parts;
  for (const fs::path& path : outputs) parts.push_back(open_part(path));
  require_one_job(parts);
  require_all(parts);
  for (const Part& part : parts) require_whole(part);

  Merged merged;
  merged.format = parts[0].content.format;
  merged.job = parts[0].content.job;
  merged.job["shard"] = "1/1";
  std::uint64_t rows = 0;
  for (const Part& part : parts) rows += part.content.committed.rows;
  for (const Part& part : parts) {
    const std::uint64_t share = (rows + part.count - part.index) / part.count;
    if (part.content.committed.rows != share) {
      refuse(
          fmt::format("{} has {} rows, but its share of the {} of all shards is {}: the shards did "
                      "not read the same input",
                      part.path.string(), part.content.committed.rows, rows, share));
    }
  }
  base::RunningHash hash;
  std::vector<PartRows> files;
  for (const Part& part : parts) files.emplace_back(part);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (files[i].heading() == files[0].heading()) continue;
    refuse(fmt::format("{} and {} do not have the same columns: they are not of one job",
                       parts[0].path.string(), parts[i].path.string()));
  }
  std::string lines = files[0].heading();
  std::string buffer;
  const auto add_lines = [&] {
    hash.add(lines);
    merged.state.bytes += lines.size();
    buffer += lines;
    if (buffer.size() >= kMergeBufferBytes) write(std::exchange(buffer, {}));
    lines.clear();
  };
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::size_t from = row % parts.size();
    if (!files[from].next(lines)) {
      refuse(fmt::format("{} has fewer rows than it should: row {} of the input is missing",
                         parts[from].path.string(), row + 1));
    }
    add_lines();
  }
  add_lines();  // a table without rows has a heading
  write(buffer);
  for (const Part& part : parts) {
    merged.state.failed += part.content.committed.failed;
    merged.state.tokens += part.content.committed.tokens;
  }
  merged.state.rows = rows;
  merged.state.sha256 = hash.hex();
  merged.state.last_place = rows == 0 ? 0 : rows - 1;
  if (rows > 0)
    merged.state.last_hash = parts[(rows - 1) % parts.size()].content.committed.last_hash;
  merged.state.done = true;
  return merged;
}

Merged merge_to_descriptor(const std::vector<fs::path>& outputs, int descriptor,
                           const std::string& name) {
  return merge(outputs, [&](std::string_view bytes) {
    write_output(descriptor, bytes, name, Kept::kNothing);
  });
}

Merged merge_to_file(const std::vector<fs::path>& outputs, const fs::path& path) {
  if (base::names_descriptor(path)) {
    refuse(path.string() +
           " stands for something that is open already, beside which no journal can be kept: leave "
           "-o out for standard output, or name the file");
  }
  base::StagedFile file(path);
  Merged merged = merge(outputs, [&](std::string_view bytes) { file.write(bytes); });
  file.commit();
  JournalContent content;
  content.format = merged.format;
  content.job = merged.job;
  content.committed = merged.state;
  Journal::resume(journal_path(path), content);
  return merged;
}

}  // namespace medgen::batch
