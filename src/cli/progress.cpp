// See the header.
#include "cli/progress.h"

#include <utility>

#include "cli/logging.h"

namespace medgen::cli {

Progress::Progress(bool quiet, Pace pace)
    : quiet_(quiet),
      terminal_(can_write_over()),
      every_(terminal_ ? pace.terminal : pace.elsewhere),
      in_file_every_(pace.elsewhere),
      last_(Clock::now()),
      last_in_file_(last_) {}

void Progress::show(const std::function<std::string()>& text) {
  const Clock::time_point now = Clock::now();
  if (!quiet_ && now - last_ >= every_) {
    last_ = now;
    open_ = terminal_;
    if (!terminal_) return log_line(base::LogLevel::kInfo, text());
    write_over(text());
  }
  // A line that is written over would be too many there.
  if (has_log_file() && (quiet_ || terminal_) && now - last_in_file_ >= in_file_every_) {
    last_in_file_ = now;
    log_line(base::LogLevel::kInfo, text(), LinePrefix::kProgram, Shown::kInFileOnly);
  }
}

void Progress::clear() {
  if (std::exchange(open_, false)) clear_written_over();
}

void Progress::keep() {
  if (std::exchange(open_, false)) keep_written_over();
}

}  // namespace medgen::cli
