// What standard output and standard error are, and what may be written there.
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "terminal/wrap.h"
#include "text/characters.h"

namespace medgen::cli {

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

bool use_color(ColorChoice choice, int descriptor) {
  if (choice != ColorChoice::kAuto) return choice == ColorChoice::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool refused = (no_color != nullptr && *no_color != '\0') ||
                       (term != nullptr && std::string_view(term) == "dumb");
  return !refused && is_terminal(descriptor);
}

std::string fitted(std::string_view line, int columns) {
  std::size_t at = 0, cut = 0;  // bytes that leave room for the ellipsis
  for (int width = 0; at < line.size();) {
    const std::size_t size = text::code_point_at(line, at).size;
    width += terminal::width_of(line.substr(at, size));
    if (width > columns) return std::string(line.substr(0, cut)) + "\u2026";
    at += size;
    if (width < columns) cut = at;
  }
  return std::string(line);
}

int terminal_columns(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace medgen::cli
