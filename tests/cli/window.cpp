// See the header.
#include "cli/window.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "cli/emulator.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience(60);

std::string as_pasted(std::string text, bool marks) {
  std::replace(text.begin(), text.end(), '\n', '\r');
  return marks ? "\x1b[200~" + text + "\x1b[201~" : text;
}

class PtyWindow : public OwnWindow {
 public:
  PtyWindow(std::vector<std::string> command, const WindowOptions& options);
  ~PtyWindow() override;

  void type(const std::string& keys) override;
  void paste(const std::string& text) override {
    gather(0);
    type(as_pasted(text, emulator_.paste_marks()));
  }
  void resize(int columns, int rows) override {
    gather(0);
    emulator_.resize(columns, rows);
    set_size(columns, rows);
  }
  std::vector<std::string> rows() override {
    gather(5);
    return emulator_.rows();
  }
  std::vector<std::string> scrollback() override { return emulator_.scrollback(); }
  int cursor_row() override { return emulator_.cursor_row(); }
  int cursor_column() override { return emulator_.cursor_column(); }
  std::vector<std::string> unknown() override { return emulator_.unknown(); }
  void signal(int number) override { ::kill(pid_, number); }
  bool memory_holds(const std::string& bytes) override;
  void hang_up() override;
  int wait() override;
  bool modes_are_back() override;
  bool echoes() override {
    termios modes{};
    ::tcgetattr(terminal_, &modes);
    return (modes.c_lflag & ECHO) != 0;
  }

 private:
  void gather(int timeout_ms);
  void set_size(int columns, int rows) {
    winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0, 0};
    ::ioctl(controller_, TIOCSWINSZ, &size);
  }

  Emulator emulator_;
  int controller_ = -1;
  int terminal_ = -1;  // held open, so that its modes can be looked at
  termios modes_{};
  pid_t pid_ = -1;
};

PtyWindow::PtyWindow(std::vector<std::string> command, const WindowOptions& options)
    : emulator_(options.columns, options.rows) {
  EXPECT_EQ(::openpty(&controller_, &terminal_, nullptr, nullptr, nullptr), 0);
  for (const int descriptor : {controller_, terminal_}) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  set_size(options.columns, options.rows);
  ::tcgetattr(terminal_, &modes_);
  std::vector<std::string> variables = child_environment(options.environment);
  const std::vector<char*> argv = pointers(command);
  const std::vector<char*> envp = pointers(variables);
  pid_ = ::fork();
  if (pid_ == 0) {  // only what is safe after fork
    ::setsid();
    ::ioctl(terminal_, TIOCSCTTY, 0);
    std::signal(SIGINT, SIG_DFL);
    for (const int descriptor : {0, 1, 2}) ::dup2(terminal_, descriptor);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

PtyWindow::~PtyWindow() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  hang_up();
}

void PtyWindow::hang_up() {
  for (int* descriptor : {&terminal_, &controller_}) {
    if (*descriptor >= 0) ::close(*descriptor);
    *descriptor = -1;
  }
}

void PtyWindow::gather(int timeout_ms) {
  pollfd file{controller_, POLLIN, 0};  // one of -1 is left out, but the time is waited
  while (::poll(&file, 1, timeout_ms) > 0) {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(controller_, bytes.data(), bytes.size());
    if (got <= 0) return;
    emulator_.write({bytes.data(), static_cast<std::size_t>(got)});
    timeout_ms = 0;
  }
}

void PtyWindow::type(const std::string& keys) {
  std::string_view rest = keys;
  const auto end = Clock::now() + kPatience;
  while (!rest.empty() && Clock::now() < end) {
    // Little enough for a terminal whose program does not read yet.
    const ssize_t put = ::write(controller_, rest.data(), std::min<std::size_t>(rest.size(), 512));
    if (put < 0) return;
    rest.remove_prefix(static_cast<std::size_t>(put));
    gather(0);
  }
}

int PtyWindow::wait() {
  const auto end = Clock::now() + kPatience;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    gather(5);
    if (Clock::now() < end) continue;
    ADD_FAILURE() << "it did not end; the window:\n" << text();
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status, 0);
    break;
  }
  pid_ = -1;
  gather(0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool PtyWindow::memory_holds(const std::string& bytes) {
  const std::string folder = "/proc/" + std::to_string(pid_);
  std::ifstream maps(folder + "/maps");
  std::ifstream memory(folder + "/mem", std::ios::binary);
  EXPECT_TRUE(maps && memory);
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::size_t begin = 0;
    std::size_t end = 0;
    char dash = 0;
    std::string rights;
    words >> std::hex >> begin >> dash >> end >> rights;
    if (!rights.starts_with("rw")) continue;
    std::string content(end - begin, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(memory.gcount()));
    if (content.find(bytes) != std::string::npos) return true;
  }
  return false;
}

bool PtyWindow::modes_are_back() {
  termios now{};
  ::tcgetattr(terminal_, &now);
  return now.c_iflag == modes_.c_iflag && now.c_oflag == modes_.c_oflag &&
         now.c_lflag == modes_.c_lflag && now.c_cflag == modes_.c_cflag &&
         std::memcmp(now.c_cc, modes_.c_cc, sizeof now.c_cc) == 0;
}

// Runs a program with `input`; what it printed.
std::string output_of(const std::vector<std::string>& command, const std::string& input = "") {
  RunOptions options{.input = input, .program = command.front()};
  return run({command.begin() + 1, command.end()}, options).out;
}

std::string tmux_path() {
  std::istringstream folders(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = folder + "/tmux";
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

class TmuxWindow : public Window {
 public:
  TmuxWindow(const std::vector<std::string>& command, const WindowOptions& options) {
    static int windows = 0;
    socket_ = home() / ("tmux-" + std::to_string(++windows));
    // -u: what tmux shows is UTF-8, whatever the locale. The program's end leaves its window there.
    std::string line;
    for (const auto& [name, value] : options.environment) line += name + "=" + quoted(value) + " ";
    line += "exec";
    for (const std::string& word : command) line += " " + quoted(word);
    tmux({"-f",
          "/dev/null",
          "new-session",
          "-d",
          "-x",
          std::to_string(options.columns),
          "-y",
          std::to_string(options.rows),
          "sh",
          "-c",
          line,
          ";",
          "set-option",
          "-g",
          "status",
          "off",
          ";",
          "set-option",
          "-g",
          "remain-on-exit",
          "on",
          ";",
          "resize-window",
          "-x",
          std::to_string(options.columns),
          "-y",
          std::to_string(options.rows)});
  }
  ~TmuxWindow() override { tmux({"kill-server"}); }

  void type(const std::string& keys) override {
    std::vector<std::string> words = {"send-keys", "-H"};
    for (const char key : keys) {
      constexpr char kDigits[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(key);
      words.push_back({kDigits[byte / 16], kDigits[byte % 16]});
    }
    tmux(words);
  }
  void paste(const std::string& text) override {
    tmux({"load-buffer", "-"}, text);
    tmux({"paste-buffer", "-p", "-d"});
  }
  void resize(int columns, int rows) override {
    tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }
  std::vector<std::string> rows() override { return lines(tmux({"capture-pane", "-p"})); }
  std::vector<std::string> scrollback() override {
    if (lines(tmux({"display-message", "-p", "#{history_size}"})) == std::vector<std::string>{"0"})
      return {};
    return lines(tmux({"capture-pane", "-p", "-S", "-", "-E", "-1"}));
  }

 private:
  std::string tmux(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.begin(), {tmux_path(), "-u", "-S", socket_});
    return output_of(words, input);
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> rows;
    std::istringstream all(text);
    for (std::string row; std::getline(all, row);)
      rows.push_back(row.substr(0, row.find_last_not_of(' ') + 1));
    return rows;
  }

  std::string socket_;
};

}  // namespace

bool Window::wait_until(const std::function<bool()>& seen) {
  const auto end = Clock::now() + kPatience;
  while (!seen()) {
    if (Clock::now() < end) continue;
    ADD_FAILURE() << "not seen in the window:\n" << text();
    return false;
  }
  return true;
}

bool Window::wait_for(const std::string& text) {
  return wait_until([&] {
    const std::vector<std::string> seen = rows();
    return std::any_of(seen.begin(), seen.end(),
                       [&](const std::string& row) { return row.find(text) != std::string::npos; });
  });
}

std::string Window::text() {
  std::vector<std::string> seen = rows();
  while (!seen.empty() && seen.back().empty()) seen.pop_back();
  std::string all;
  for (const std::string& row : seen) {
    if (all.empty() && row.empty()) continue;
    all += all.empty() ? row : "\n" + row;
  }
  return all;
}

bool tmux_is_there() { return !tmux_path().empty(); }

std::unique_ptr<Window> open_tmux_window(const std::vector<std::string>& command,
                                         const WindowOptions& options) {
  return std::make_unique<TmuxWindow>(command, options);
}

std::unique_ptr<OwnWindow> open_own_window(const std::vector<std::string>& command,
                                           const WindowOptions& options) {
  return std::make_unique<PtyWindow>(command, options);
}

}  // namespace medgen::cli_tests
