// Reads what is typed, line by line. Editing is libedit's; what is drawn is our own, since libedit
// loses combining characters. No line is ever written to a file.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "terminal/screen.h"
#include "terminal/signals.h"

namespace medgen::terminal {

struct Line {
  enum class Kind {
    kText,         // Enter was pressed; the text may be empty
    kEnd,          // Ctrl-D on an empty line, or the end of input: every later read() says so again
    kInterrupted,  // Ctrl-C: the line is cleared
    kIdle,         // nothing was typed for the time that was given
    kHangUp,       // SIGHUP, SIGTERM or SIGQUIT
  };
  Kind kind = Kind::kEnd;
  std::string
      text;  // UTF-8; newlines inside, none at its end; no other control characters but tabs
};

// What can stand at the end of a text in place of what begins at byte `start` of it.
struct Completions {
  std::size_t start = 0;
  std::vector<std::string> words;
};
using Complete = std::function<Completions(std::string_view before_cursor)>;

class LineReader;

class LineEditor {
 public:
  struct Settings {
    bool plain = false;  // lines as the terminal itself edits them, nothing drawn
    std::string prompt = "text> ";
    Complete complete = nullptr;  // for Tab; not in plain mode
  };

  // Reads terminal descriptions and the locale, so make it before a sandbox is entered. From now on
  // keys are not echoed (but in plain mode): those typed while nothing reads wait in the terminal.
  LineEditor(Screen& screen, Signals& signals, Settings settings);
  ~LineEditor();  // the terminal is as it was before
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // `initial_text` is there to be edited. In plain mode it is shown above the prompt, and an empty
  // line stands for it. An idle timeout of 0 never passes.
  Line read(std::string_view initial_text = {},
            std::chrono::milliseconds idle_timeout = std::chrono::milliseconds(0));

  // Whether lines are plain: as asked, or because the screen cannot draw.
  bool plain() const;
  void set_prompt(std::string prompt);

  // Overwrites the lines that can be recalled, and what libedit holds of them. Not reached: what
  // the terminal itself and the kernel's buffers hold, and copies that the caller has.
  void forget();

 private:
  std::unique_ptr<LineReader> reader_;
  bool plain_;
};

}  // namespace medgen::terminal
