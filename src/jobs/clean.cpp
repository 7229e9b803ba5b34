#include "jobs/clean.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/new_file.h"
#include "base/refuse.h"
#include "batch/journal.h"
#include "jobs/converted.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kJournalEnding = ".journal";

// A batch holds the lock of its output while it runs. The output may be a link, to where the
// sandbox lets nothing be read: then nobody knows.
bool is_being_written(const fs::path& journal) {
  const std::string name = journal.string();
  const std::string output = name.substr(0, name.size() - kJournalEnding.size());
  const int fd = ::open(output.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno != ENOENT;
  const bool locked = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return locked;
}

// What another user wrote may be of any size, and is not this user's to remove.
bool is_own(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_uid == ::geteuid();
}

}  // namespace

std::vector<Remain> find_remains(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) base::refuse("cannot look into " + folder.string() + ": " + error.message());
  std::vector<Remain> found;
  for (const fs::path& path : base::leftovers_in(folder)) {
    found.push_back({RemainKind::kLeftover, path});
  }
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path& path = entries->path();
    if (is_converted_model(path)) found.push_back({RemainKind::kConvertedModel, path});
    if (!path.filename().string().ends_with(kJournalEnding) || !is_own(path) ||
        is_being_written(path)) {
      continue;
    }
    try {
      const bool done = batch::read_journal(path).committed.done;
      found.push_back({done ? RemainKind::kFinishedJournal : RemainKind::kUnfinishedJournal, path});
    } catch (const Error&) {
      // Another program's journal.
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Remain& a, const Remain& b) { return a.path < b.path; });
  return found;
}

void remove_remain(const Remain& remain) {
  std::error_code error;
  fs::remove_all(remain.path, error);
  if (error) {
    throw Error(ErrorCode::kRuntime,
                "cannot remove " + remain.path.string() + ": " + error.message());
  }
}

}  // namespace medgen::jobs
