// See the header.
#include "batch/retry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_system.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/write_failure.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

namespace fs = std::filesystem;

void move_file(const fs::path& from, const fs::path& to) {
  if (base::file_system().rename(from.c_str(), to.c_str()) != 0) {
    throw Error(ErrorCode::kRuntime,
                "cannot write " + to.string() + ": " + base::write_failure(errno));
  }
  const fs::path folder = to.has_parent_path() ? to.parent_path() : fs::path(".");
  if (const int directory = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC); directory >= 0) {
    base::file_system().fsync(directory);
    ::close(directory);
  }
}

}  // namespace

OldOutput::OldOutput(const fs::path& path)
    : name_(path.string()), lines_(base::plain_file_blocks(path), base::Lines::kAnyLength) {}

OldOutput::OldOutput(const fs::path& path, records::TableColumns columns) : OldOutput(path) {
  table_.emplace(base::plain_file_blocks(path), name_);
  columns_ = std::move(columns);
}

// There may be none: then it is empty, and no row's.
bool OldOutput::next(records::Json& record, Record& kept) {
  ++line_;
  if (table_) {
    records::TableLines lines;
    if (!table_->next(lines)) return false;
    record = std::move(lines.record);
    carried_ = std::move(lines.carried);
    kept.bytes = std::move(lines.bytes);
    return true;
  }
  base::Line line;
  if (!lines_.next(line)) return false;
  record = base::parse_json<records::Json>(line.text);
  kept.bytes = line.text + "\n";
  return true;
}

bool OldOutput::is_of(const records::RecordReader& record, const BatchRow& row) const {
  const bool same_prompt =
      record.prompt_ids() == row.prompt_ids && record.specials() == row.specials.value_or(false);
  if (table_) {
    const std::string id = row.id.is_string() ? row.id.get<std::string>() : row.id.dump();
    return same_prompt && record.id("") == id && record.prompt() == row.prompt &&
           carried_ == records::carried_cells(row.extras, columns_);
  }
  if (row.form == RowForm::kOpenAi) return record.is_openai_of(row.id);
  return same_prompt && record.is_of(row.id, row.prompt, row.extras);
}

std::optional<Record> OldOutput::record_of(const BatchRow& row) {
  records::Json json;
  Record kept;
  next(json, kept);
  const records::RecordReader old(std::move(json), {name_, line_});
  if (old.failed()) return std::nullopt;
  if (!is_of(old, row) || row.error) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format(
            "row {} of the input is not what its record in {} was made of: with `retry_errors` "
            "only failed rows may be corrected; give `restart` to run all rows again",
            row.position + 1, name_));
  }
  kept.tokens = old.num_tokens();
  return kept;
}

fs::path retry_path(const fs::path& output) {
  fs::path path = output;
  path += ".retry";
  return path;
}

std::unique_ptr<OutputFile> open_retry(const fs::path& output, const Json& job, const Json& extra) {
  auto file = std::make_unique<OutputFile>(retry_path(output), /*restart=*/true);
  file->continue_if_same(job, extra);
  return file;
}

void replace_by_retry(const fs::path& output) {
  const fs::path retry = retry_path(output);
  move_file(journal_path(retry), journal_path(output));
  move_file(retry, output);
}

void mend_retry(const fs::path& output) {
  const fs::path retry = retry_path(output);
  if (!fs::exists(retry) || fs::exists(journal_path(retry)) || !fs::exists(journal_path(output))) {
    return;
  }
  const JournalContent content = read_journal(journal_path(output));
  if (content.committed.done && base::sha256_of_file(retry) == content.committed.sha256) {
    move_file(retry, output);
  }
}

}  // namespace medgen::batch
