// What can happen to a session from outside, noted for it: Ctrl-C, a new size of the window, the
// end of the terminal. The handlers set flags and write to a pipe, and nothing else; Ctrl-Z gives
// the terminal back as it was found and takes it again afterwards.
#pragma once

#include <atomic>
#include <chrono>

#include "terminal/screen.h"

namespace medgen::terminal {

// One at a time. Handles SIGINT, SIGTERM, SIGHUP, SIGWINCH and SIGTSTP while it lives, and then
// puts back the handlers and the terminal's modes that it found.
class Signals {
 public:
  explicit Signals(const Screen& screen);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Ctrl-C while no line is read: stays set until it is cleared.
  const std::atomic<bool>& interrupted() const;
  void clear_interrupt();
  // SIGHUP, SIGTERM or SIGQUIT: the session has to forget and end.
  const std::atomic<bool>& hung_up() const;
  // Whether the window has changed since the last call.
  bool take_resized();
  // Whether the program was stopped and goes on, since the last call.
  bool take_resumed();

  // Ends a wait(), from any thread; one that has not begun yet ends at once.
  void wake();
  // Returns after a signal or wake(), or when the time is over.
  void wait(std::chrono::milliseconds time);
  // Readable when wait() would return at once; wait() empties it.
  int descriptor() const;
};

}  // namespace medgen::terminal
