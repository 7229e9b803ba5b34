// flock() rather than a lock file: the system releases it however the process ends.
#include "batch/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/new_file.h"
#include "base/refuse.h"
#include "base/write_failure.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
  throw Error(ErrorCode::kRuntime,
              "cannot write " + path.string() + ": " + base::write_failure(error));
}

using base::refuse;

}  // namespace

std::unique_ptr<base::RunningHash> hash_of_beginning(int descriptor, std::uint64_t bytes) {
  auto hash = std::make_unique<base::RunningHash>();
  std::vector<char> buffer(std::size_t{1} << 20U);
  for (std::uint64_t at = 0; at < bytes;) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), bytes - at);
    const ssize_t got = ::pread(descriptor, buffer.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return nullptr;
    hash->add({buffer.data(), static_cast<std::size_t>(got)});
    at += static_cast<std::uint64_t>(got);
  }
  return hash;
}

OutputFile::OutputFile(std::filesystem::path path, bool restart) : path_(std::move(path)) {
  base::require_own_output(path_);
  if (base::names_descriptor(path_)) {
    refuse(path_.string() +
           " stands for something that is open already, beside which no journal can be kept: give "
           "-o - for standard output, or name the file");
  }
  // What it creates it need not read: the sandbox does not let it read everything in that folder.
  const base::Opened opened = base::open_to_write(path_, O_RDWR, O_WRONLY);
  if (opened.descriptor < 0) fail(path_, errno);
  descriptor_ = opened.descriptor;
  created_ = opened.created;
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail(path_, errno);
  if (!S_ISREG(status.st_mode)) {
    refuse(path_.string() +
           " is not a regular file: a batch is written to a file, or with -o - to "
           "standard output");
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    created_ = false;  // not ours to delete
    if (error != EWOULDBLOCK) fail(path_, error);
    refuse("another medgen is writing " + path_.string() +
           ": wait for it, or choose another output");
  }
  if (restart) return;
  const bool has_journal = std::filesystem::exists(journal_path(path_));
  if (has_journal) {
    found_ = read_journal(journal_path(path_));
    if (!found_->committed.done) require_this_format();
  } else if (status.st_size > 0) {
    refuse(path_.string() + " exists, and without its journal (" + journal_path(path_).string() +
           ") it cannot be continued: choose another output, or give `restart` to overwrite it");
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  if (created_ && !begun_) base::file_system().unlink(path_.c_str());
  ::close(descriptor_);
}

void OutputFile::require_same(const Json& job, const std::function<Json(Json)>& view) const {
  if (!found_) return;
  const std::vector<std::string> found =
      view ? differences(view(found_->job), view(job)) : differences(found_->job, job);
  if (found.empty()) return;
  std::string message = path_.string() + " belongs to another job:";
  for (const std::string& difference : found) message += "\n  " + difference;
  // After an upgrade, say. Another version may give other texts: see docs/SCALING.md.
  const auto version_of = [](const Json& of) {
    return of.is_object() ? of.value("medgen", Json()) : Json();
  };
  const bool version_alone = found.size() == 1 && version_of(found_->job) != version_of(job);
  message += version_alone ? "\nfinish it with the medgen that began it"
                           : "\ngive the same input, model and settings to continue it";
  refuse(message + ", choose another output, or give `restart` to start over and overwrite it");
}

void OutputFile::require_this_format() const {
  if (!found_ || found_->format == kJournalFormat) return;
  refuse(
      fmt::format("{} was begun by another medgen: its journal has format {}, and this medgen "
                  "continues jobs of format {}: finish it with the medgen that began it, or "
                  "start it again with `restart`, which overwrites the output",
                  path_.string(), found_->format, kJournalFormat));
}

void OutputFile::continue_if_same(const Json& job, const Json& extra) {
  if (!std::filesystem::exists(journal_path(path_))) return;
  JournalContent content = read_journal(journal_path(path_));
  if (content.format == kJournalFormat && content.job == job && content.extra == extra) {
    found_ = std::move(content);
  }
}

RecordWriter OutputFile::begin(const Json& job, const Json& extra, bool in_order) {
  require_this_format();
  require_same(job);
  std::unique_ptr<base::RunningHash> hash = std::make_unique<base::RunningHash>();
  JournalContent start;
  start.job = job;
  start.extra = extra;
  if (found_) {
    start = *found_;
    hash = hash_of_beginning(descriptor_, start.committed.bytes);
    if (!hash || (start.committed.bytes > 0 && hash->hex() != start.committed.sha256)) {
      refuse(path_.string() +
             " is not what its journal says was written: it was changed or cut "
             "since; put the file back, or give `restart` to start over and overwrite it");
    }
  } else if (base::file_system().ftruncate(descriptor_, 0) != 0) {
    // Before the journal: without one, an output with something in it is refused.
    fail(path_, errno);
  }
  Journal journal = found_ ? Journal::resume(journal_path(path_), start)
                           : Journal::create(journal_path(path_), job, extra);
  begun_ = true;
  const auto end = static_cast<off_t>(start.committed.bytes);
  if (base::file_system().ftruncate(descriptor_, end) != 0 ||
      ::lseek(descriptor_, end, SEEK_SET) != end) {
    fail(path_, errno);
  }
  return RecordWriter(descriptor_, path_.string(), in_order, std::move(journal), std::move(start),
                      std::move(hash));
}

}  // namespace medgen::batch
