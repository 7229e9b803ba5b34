// Ctrl-C. Before generation it ends the program at once; during it, the first one asks the loop to
// end, so that what was made is kept, and the second ends at once.
#pragma once

#include <atomic>

namespace medgen::cli {

// Handles SIGINT unless it was being ignored (as for a job in the background).
void install_interrupt_handler();

// While one of these lives, Ctrl-C sets flag(). Nesting is not supported.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  const std::atomic<bool>& flag() const;
  bool interrupted() const { return flag().load(); }
};

// Thrown by a command's own progress callback, so that nothing half-written remains.
struct Interrupted {};

}  // namespace medgen::cli
