// The continuations of one prompt on the terminal, as they are made: side by side in a wide window,
// below one another otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "terminal/screen.h"

namespace medgen::terminal {

struct Style {
  int columns = 80;  // of the window
  int rows = 24;
  bool color = false;  // typed text dim, generated text bold
  bool plain = false;  // whole lines one after the other, the cursor is never moved
};

// Every block begins with a line that says a machine wrote it, every row with generated text has a
// bar at its beginning, and a mark stands where the typed text ends. Not for several threads at
// once. Texts may be any bytes; what could control the terminal is spelled out.
class Blocks {
 public:
  Blocks(Output& output, std::string_view prompt, int count, std::uint64_t seed, Style style);
  ~Blocks();  // overwrites the texts; draws nothing
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  void on_text(int index, std::string_view piece);
  // No more will come for this one. `note` is put on its mark line: why it ended, if that is of
  // use.
  void finish(int index, std::string_view note = {});
  void resize(int columns, int rows);
  // After somebody else has written to the window, or it was cleared: draws below what is there
  // now.
  void redraw();
  // Draws everything for good, also what was too long for the window; the cursor is on a new line.
  void end();

 private:
  struct State;
  void draw();

  Output& output_;
  std::unique_ptr<State> state_;
};

}  // namespace medgen::terminal
