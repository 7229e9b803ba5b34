// What a session speaks through: a terminal, or in tests a script.
#pragma once

#include <chrono>
#include <string_view>

#include "terminal/blocks.h"
#include "terminal/line_editor.h"
#include "terminal/screen.h"
#include "terminal/signals.h"

namespace medgen::session {

class Console : public terminal::Output {
 public:
  virtual terminal::Line read(std::string_view initial_text, std::chrono::milliseconds idle) = 0;
  virtual terminal::Style style() const = 0;
  virtual bool clear() = 0;  // screen and scrollback; false where that cannot be done
  virtual void forget_lines() = 0;

  // While texts are made.
  struct Happened {
    bool interrupted = false, hung_up = false, resized = false, resumed = false;
  };
  virtual void begin_texts() = 0;  // what happened before does not count
  virtual void wake() = 0;         // ends a wait(); from any thread
  virtual Happened wait() = 0;     // until something happens
};

class TerminalConsole : public Console {
 public:
  TerminalConsole(terminal::Screen& screen, terminal::Signals& signals,
                  terminal::LineEditor& editor, bool color)
      : screen_(screen), signals_(signals), editor_(editor), color_(color) {}

  void write(std::string_view bytes) override { screen_.write(bytes); }
  terminal::Line read(std::string_view initial_text, std::chrono::milliseconds idle) override {
    return editor_.read(initial_text, idle);
  }
  terminal::Style style() const override {
    const terminal::Size size = screen_.size();
    return {size.columns, size.rows, color_, editor_.plain()};
  }
  bool clear() override { return screen_.clear(); }
  void forget_lines() override { editor_.forget(); }
  void begin_texts() override { signals_.clear_interrupt(); }
  void wake() override { signals_.wake(); }
  Happened wait() override {
    signals_.wait(std::chrono::minutes(1));
    return {signals_.interrupted(), signals_.hung_up(), signals_.take_resized(),
            signals_.take_resumed()};
  }

 private:
  terminal::Screen& screen_;
  terminal::Signals& signals_;
  terminal::LineEditor& editor_;
  bool color_;
};

}  // namespace medgen::session
