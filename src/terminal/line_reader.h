// The two ways to read a line.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "terminal/line_editor.h"
#include "terminal/screen.h"
#include "terminal/signals.h"

namespace medgen::terminal {

class LineReader {
 public:
  LineReader() = default;
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  virtual ~LineReader() = default;

  virtual Line read(std::string_view initial_text, std::chrono::milliseconds idle_timeout) = 0;
  virtual void set_prompt(std::string prompt) = 0;
  virtual void forget() = 0;
};

std::unique_ptr<LineReader> make_plain_reader(Screen& screen, Signals& signals,
                                              LineEditor::Settings settings);
std::unique_ptr<LineReader> make_drawn_reader(Screen& screen, Signals& signals,
                                              LineEditor::Settings settings);

struct Arrival {
  enum class Kind { kBytes, kSignal, kIdle, kEnd } kind;
  std::string bytes = {};
};

// Waits until something is typed or noted by `signals`, whichever is first; 0 waits for ever.
Arrival wait_for_input(const Screen& screen, Signals& signals,
                       std::chrono::milliseconds idle_timeout);

}  // namespace medgen::terminal
