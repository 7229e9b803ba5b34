// See the header.
#include "terminal/line_editor.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "terminal/line_reader.h"

namespace medgen::terminal {

Arrival wait_for_input(const Screen& screen, Signals& signals,
                       std::chrono::milliseconds idle_timeout) {
  const auto longest = std::chrono::milliseconds(std::numeric_limits<int>::max());
  const int time =
      idle_timeout.count() > 0 ? static_cast<int>(std::min(idle_timeout, longest).count()) : -1;
  while (true) {
    pollfd files[2] = {{screen.input(), POLLIN, 0}, {signals.descriptor(), POLLIN, 0}};
    const int ready = ::poll(files, 2, time);
    if (ready == 0) return {Arrival::Kind::kIdle};
    if (ready < 0) continue;  // by a signal, which has also written to its pipe
    if (files[1].revents != 0) {
      signals.wait(std::chrono::milliseconds(0));
      return {Arrival::Kind::kSignal};
    }
    std::string bytes(4096, '\0');
    const ssize_t got = ::read(screen.input(), bytes.data(), bytes.size());
    if (got > 0) {
      bytes.resize(static_cast<std::size_t>(got));
      return {Arrival::Kind::kBytes, std::move(bytes)};
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return {Arrival::Kind::kEnd};
  }
}

LineEditor::LineEditor(Screen& screen, Signals& signals, Settings settings)
    : plain_(settings.plain || !screen.draws()) {
  reader_ = plain_ ? make_plain_reader(screen, signals, std::move(settings))
                   : make_drawn_reader(screen, signals, std::move(settings));
}

LineEditor::~LineEditor() = default;

Line LineEditor::read(std::string_view initial_text, std::chrono::milliseconds idle_timeout) {
  return reader_->read(initial_text, idle_timeout);
}

bool LineEditor::plain() const { return plain_; }

void LineEditor::set_prompt(std::string prompt) { reader_->set_prompt(std::move(prompt)); }

void LineEditor::forget() { reader_->forget(); }

}  // namespace medgen::terminal
