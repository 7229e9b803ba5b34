// A terminal as the descriptor of somebody who writes rows as they are: what could control it is
// made visible on the way.
#pragma once

#include <thread>

namespace medgen::cli {

class TerminalPipe {
 public:
  // Stands before `descriptor` if that is a terminal; otherwise descriptor() is the same.
  explicit TerminalPipe(int descriptor);
  TerminalPipe(const TerminalPipe&) = delete;
  TerminalPipe& operator=(const TerminalPipe&) = delete;
  ~TerminalPipe() { finish(); }

  int descriptor() const { return descriptor_; }
  void finish();  // until all of it is shown; nothing may be written after that

 private:
  int descriptor_;
  std::thread thread_;  // passes lines on, if there is a terminal
};

}  // namespace medgen::cli
