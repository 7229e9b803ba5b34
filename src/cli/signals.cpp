// Ctrl-C and kill. The handler does only what a handler may: atomics, write and _exit.
#include "cli/signals.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

#include "cli/run.h"

namespace medgen::cli {
namespace {

std::atomic<bool> graceful{false};
std::atomic<bool> interrupt_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  if (!graceful.load() || interrupt_flag.exchange(true)) ::_exit(kExitInterrupted);
}

}  // namespace

void install_interrupt_handler() {
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction previous {};
    sigaction(signal, nullptr, &previous);
    if (previous.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

InterruptScope::InterruptScope() { graceful.store(true); }

InterruptScope::~InterruptScope() { graceful.store(false); }

const std::atomic<bool>& InterruptScope::flag() const { return interrupt_flag; }

}  // namespace medgen::cli
