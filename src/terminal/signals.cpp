// See the header. The handlers may use atomics, write(), tcsetattr() and the calls for signals.
#include "terminal/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "medgen/error.h"
#include "terminal/paste_marks.h"

namespace medgen::terminal {
namespace {

constexpr std::array kHandled = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};

std::atomic<bool> interrupt_noted{false};
std::atomic<bool> hang_up_noted{false};
std::atomic<bool> resize_noted{false};
std::atomic<bool> stop_noted{false};
std::atomic<bool> keeps_paste_marks{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// Set before the handlers are, and left alone until they are gone.
int wake_pipe[2] = {-1, -1};
int terminal_in = -1;
int terminal_out = -1;
bool modes_known = false;
termios modes_found{};
std::array<struct sigaction, kHandled.size()> actions_found{};

void ring() {
  const int before = errno;
  [[maybe_unused]] const ssize_t put = ::write(wake_pipe[1], "", 1);  // a full pipe wakes as well
  errno = before;
}

extern "C" void medgen_note_signal(int signal) {
  if (signal == SIGINT) interrupt_noted = true;
  if (signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT) hang_up_noted = true;
  if (signal == SIGWINCH) resize_noted = true;
  ring();
}

void send(std::string_view bytes) {
  [[maybe_unused]] const ssize_t put = ::write(terminal_out, bytes.data(), bytes.size());
}

extern "C" void medgen_stop(int) {
  const int before = errno;
  termios modes{};
  const bool known = modes_known && ::tcgetattr(terminal_in, &modes) == 0;
  if (keeps_paste_marks) send(kPasteMarksOff);
  if (known) ::tcsetattr(terminal_in, TCSANOW, &modes_found);

  struct sigaction mine {};
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(SIGTSTP, &plain, &mine);
  sigset_t stop{};
  sigset_t mask{};
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTSTP);
  ::raise(SIGTSTP);
  ::pthread_sigmask(SIG_UNBLOCK, &stop, &mask);  // it stops here
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::sigaction(SIGTSTP, &mine, nullptr);

  if (known) ::tcsetattr(terminal_in, TCSANOW, &modes);
  if (keeps_paste_marks) send(kPasteMarksOn);
  resize_noted = true;
  stop_noted = true;
  ring();
  errno = before;
}

}  // namespace

void keep_paste_marks(Screen& screen, bool on) {
  screen.write(on ? kPasteMarksOn : kPasteMarksOff);
  keeps_paste_marks = on;
}

Signals::Signals(const Screen& screen) {
  if (::pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(ErrorCode::kRuntime, "too many files are open: a session needs two more");
  interrupt_noted = hang_up_noted = resize_noted = stop_noted = false;
  terminal_in = screen.input();
  terminal_out = screen.output();
  modes_known = ::tcgetattr(terminal_in, &modes_found) == 0;
  for (std::size_t i = 0; i < kHandled.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = kHandled[i] == SIGTSTP ? medgen_stop : medgen_note_signal;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(kHandled[i], nullptr, &actions_found[i]);
    // What was to be ignored, as under nohup, stays so.
    if (actions_found[i].sa_handler != SIG_IGN) ::sigaction(kHandled[i], &action, nullptr);
  }
}

Signals::~Signals() {
  for (std::size_t i = 0; i < kHandled.size(); ++i)
    ::sigaction(kHandled[i], &actions_found[i], nullptr);
  if (modes_known) ::tcsetattr(terminal_in, TCSADRAIN, &modes_found);
  for (int& end : wake_pipe) {
    ::close(end);
    end = -1;
  }
}

const std::atomic<bool>& Signals::interrupted() const { return interrupt_noted; }
void Signals::clear_interrupt() { interrupt_noted = false; }
const std::atomic<bool>& Signals::hung_up() const { return hang_up_noted; }
bool Signals::take_resized() { return resize_noted.exchange(false); }
bool Signals::take_resumed() { return stop_noted.exchange(false); }
void Signals::wake() { ring(); }
int Signals::descriptor() const { return wake_pipe[0]; }

void Signals::wait(std::chrono::milliseconds time) {
  pollfd file{wake_pipe[0], POLLIN, 0};
  ::poll(&file, 1, static_cast<int>(time.count()));
  char bytes[64];
  while (::read(wake_pipe[0], bytes, sizeof bytes) > 0) {
  }
}

}  // namespace medgen::terminal
