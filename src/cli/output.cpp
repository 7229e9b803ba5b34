// Standard output as the program writes it, and the messages on standard error.
#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/write_all.h"
#include "cli/logging.h"
#include "cli/options/option_words.h"
#include "cli/terminal.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;

}  // namespace

Output::Output(int descriptor) : descriptor_(descriptor), terminal_(is_terminal(descriptor)) {}

Output::~Output() = default;

void Output::write(std::string_view text) {
  if (!terminal_) return write_as_is(text);
  write_as_is(visible(text));
}

void Output::write_as_is(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  const int error = base::write_all(descriptor_, buffer_);
  buffer_.clear();
  if (error == EPIPE) throw OutputClosed{};
  if (error != 0) {
    throw Error(ErrorCode::kRuntime,
                std::string("cannot write to standard output: ") + std::strerror(error) +
                    "; what was written before is kept. Free some space or write "
                    "somewhere else, then run it again");
  }
}

void Messages::note(std::string_view text) const {
  log_line(base::LogLevel::kInfo, with_flags(text), LinePrefix::kProgram,
           quiet_ ? Shown::kInFileOnly : Shown::kEverywhere);
}

void Messages::error(std::string_view text) { log_line(base::LogLevel::kError, with_flags(text)); }

void Messages::plain(std::string_view text) {
  log_line(base::LogLevel::kInfo, with_flags(text), LinePrefix::kNone);
}

void note_all(const std::vector<std::string>& notes, const Messages& messages) {
  for (const std::string& note : notes) messages.note(note);
}

void prepare_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    // Opened in the wrong direction, so that using it still fails as it would have.
    if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) {
      (void)::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace medgen::cli
