// The part of the window that is drawn again and again: rows from where the cursor was at first.
// Only what has changed is written.
#pragma once

#include <string>
#include <vector>

#include "terminal/screen.h"

namespace medgen::terminal {

struct Row {
  std::string text;  // with its sequences for colour, if any, which end within it
  int width = 0;     // in columns; no more than the window has

  bool operator==(const Row&) const = default;
};

class Region {
 public:
  explicit Region(Output& output) : output_(output) {}
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // At least one row and no more than the window has; the cursor is put where it says.
  void draw(std::vector<Row> rows, int cursor_row, int cursor_column);
  // The window has so many columns now, and the terminal has broken the rows anew, as nearly all
  // do. Nothing is left of the region until it is drawn.
  void rewrapped(int columns);
  void erase();
  // What was drawn stays, the cursor goes to a new line below; the next region begins there.
  void leave();
  // The window was cleared: the region begins where the cursor is.
  void forget();

 private:
  Output& output_;
  std::vector<Row> rows_;
  int cursor_row_ = 0;
  int cursor_column_ = 0;
};

}  // namespace medgen::terminal
