// A program in a terminal's window, as its user meets it: keys go in, rows of text are seen. Two
// kinds: under tmux, a terminal that others wrote, and on a pseudo-terminal with an emulator of our
// own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace medgen::cli_tests {

class Window {
 public:
  Window() = default;
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  virtual ~Window() = default;  // kills what still runs

  virtual void type(const std::string& keys) = 0;
  // As terminals paste: newlines become carriage returns, with marks around it where the program
  // asked for them.
  virtual void paste(const std::string& text) = 0;
  virtual void resize(int columns, int rows) = 0;
  virtual std::vector<std::string> rows() = 0;        // without blanks at their ends
  virtual std::vector<std::string> scrollback() = 0;  // above the window, oldest first

  // Until the rows are as wanted; false if that is not so within 60 s.
  bool wait_until(const std::function<bool()>& seen);
  bool wait_for(const std::string& text);  // in one of the rows
  // The rows from the first that is not empty to the last, joined by newlines.
  std::string text();
};

struct WindowOptions {
  int columns = 80;
  int rows = 24;
  std::map<std::string, std::string> environment = {};  // see child_environment()
};

bool tmux_is_there();
std::unique_ptr<Window> open_tmux_window(const std::vector<std::string>& command,
                                         const WindowOptions& options = {});

// What only a pseudo-terminal of our own can do.
class OwnWindow : public Window {
 public:
  virtual int cursor_row() = 0;
  virtual int cursor_column() = 0;
  virtual std::vector<std::string> unknown() = 0;  // sequences that the emulator does not know
  virtual void signal(int number) = 0;             // to the program
  virtual bool memory_holds(const std::string& bytes) = 0;  // what the program can write to
  virtual void hang_up() = 0;                               // the window is closed
  virtual int wait() = 0;  // for its end: the exit status, or 128 + signal; at most 60 s
  // Whether the terminal's modes are what they were before the program began.
  virtual bool modes_are_back() = 0;
  virtual bool echoes() = 0;
};

std::unique_ptr<OwnWindow> open_own_window(const std::vector<std::string>& command,
                                           const WindowOptions& options = {});

}  // namespace medgen::cli_tests
