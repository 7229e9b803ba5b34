// See the header.
#include "cli/progress.h"

#include <unistd.h>

#include <utility>

#include "cli/output.h"
#include "cli/terminal.h"

namespace medgen::cli {
namespace {

constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

Progress::Progress(bool quiet, Pace pace)
    : quiet_(quiet),
      terminal_(is_terminal(STDERR_FILENO)),
      every_(terminal_ ? pace.terminal : pace.elsewhere),
      last_(Clock::now()) {}

void Progress::show(const std::function<std::string()>& text) {
  if (quiet_ || Clock::now() - last_ < every_) return;
  last_ = Clock::now();
  open_ = terminal_;
  if (terminal_) {
    Messages::raw(kClearLine + visible(text()));
  } else {
    Messages().note(text());
  }
}

void Progress::clear() {
  if (std::exchange(open_, false)) Messages::raw(kClearLine);
}

void Progress::keep() {
  if (std::exchange(open_, false)) Messages::raw("\n");
}

}  // namespace medgen::cli
