// See the header.
#include "terminal/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "terminal/libedit.h"

namespace medgen::terminal {
namespace {

bool knows_the_usual_sequences(int input, int output) {
  if (::isatty(input) != 1 || ::isatty(output) != 1) return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || *term == '\0' || std::string_view(term) == "dumb") return false;
  const Libedit libedit(-1, -1);
  return libedit.sequence("ce").starts_with("\x1b[K");  // all that have it have the rest
}

}  // namespace

Screen::Screen(int input, int output)
    : input_(input), output_(output), draws_(knows_the_usual_sequences(input, output)) {}

void Screen::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(output_, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      pollfd file{output_, POLLOUT, 0};
      ::poll(&file, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

Size Screen::size() const {
  winsize size{};
  if (::ioctl(output_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

bool Screen::clear() {
  if (draws_) write("\x1b[H\x1b[2J\x1b[3J");
  return draws_;
}

}  // namespace medgen::terminal
