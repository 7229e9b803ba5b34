// A small terminal: what a program's output makes of a window. It knows the sequences that medgen
// writes and gathers all others, which medgen must not write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::cli_tests {

class Emulator {
 public:
  Emulator(int columns, int rows);

  void write(std::string_view bytes);
  // Lines that were broken because they were full are broken anew, as most terminals do.
  void resize(int columns, int rows);

  std::vector<std::string> rows() const;        // of the window, without blanks at their ends
  std::vector<std::string> scrollback() const;  // above it, oldest first
  int cursor_row() const { return row_; }
  int cursor_column() const { return column_; }
  const std::vector<std::string>& unknown() const { return unknown_; }
  bool paste_marks() const { return paste_marks_; }

 private:
  struct Line {
    std::vector<std::string> cells;  // "" behind a wide character
    bool goes_on = false;            // it was full
  };

  void put(std::string_view character);
  void new_row();
  void control(char c);
  void sequence(std::string_view parameters, char last);
  void erase_below();
  Line& line() { return window_[static_cast<std::size_t>(row_)]; }
  static std::string text_of(const Line& line);

  int columns_;
  int rows_;
  std::vector<Line> window_;
  std::vector<Line> above_;
  int row_ = 0;
  int column_ = 0;  // may be columns_: the next character goes to the next row
  bool wraps_ = true;
  bool paste_marks_ = false;
  std::string held_;  // of a sequence or a character
  std::vector<std::string> unknown_;
};

}  // namespace medgen::cli_tests
