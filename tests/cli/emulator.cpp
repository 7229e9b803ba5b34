// See the header.
#include "cli/emulator.h"

#include <algorithm>
#include <cstdlib>

#include "terminal/wrap.h"

namespace medgen::cli_tests {
namespace {

std::size_t sequence_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

}  // namespace

Emulator::Emulator(int columns, int rows)
    : columns_(columns), rows_(rows), window_(static_cast<std::size_t>(rows)) {}

void Emulator::write(std::string_view bytes) {
  held_ += bytes;
  std::size_t at = 0;
  while (at < held_.size()) {
    const char c = held_[at];
    if (c == '\x1b') {
      if (at + 1 == held_.size()) break;
      if (held_[at + 1] != '[') {
        unknown_.push_back(held_.substr(at, 2));
        at += 2;
        continue;
      }
      std::size_t end = at + 2;
      while (end < held_.size() && held_[end] < '@') ++end;
      if (end == held_.size()) break;
      sequence(std::string_view(held_).substr(at + 2, end - at - 2), held_[end]);
      at = end + 1;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
      control(c);
      ++at;
    } else {
      const std::size_t size = sequence_size(static_cast<unsigned char>(c));
      if (at + size > held_.size()) break;
      put(std::string_view(held_).substr(at, size));
      at += size;
    }
  }
  held_.erase(0, at);
}

void Emulator::put(std::string_view character) {
  const int width = terminal::width_of(character);
  if (width == 0) {
    int before = std::min<int>(column_, static_cast<int>(line().cells.size()));
    while (before > 0 && line().cells[static_cast<std::size_t>(before - 1)].empty()) --before;
    if (before > 0) line().cells[static_cast<std::size_t>(before - 1)] += character;
    return;
  }
  if (column_ + width > columns_) {
    if (wraps_) {
      line().goes_on = true;
      column_ = 0;
      new_row();
    } else {
      column_ = columns_ - width;
    }
  }
  auto& cells = line().cells;
  const auto at = static_cast<std::size_t>(column_);
  if (cells.size() < at + static_cast<std::size_t>(width)) cells.resize(at + width, " ");
  cells[at] = character;
  if (width == 2) cells[at + 1].clear();
  column_ += width;
}

void Emulator::new_row() {
  if (row_ + 1 < rows_) {
    ++row_;
    return;
  }
  above_.push_back(window_.front());
  window_.erase(window_.begin());
  window_.emplace_back();
}

void Emulator::control(char c) {
  if (c == '\r') {
    column_ = 0;
  } else if (c == '\n') {
    line().goes_on = false;
    new_row();
  } else if (c == '\b') {
    column_ = std::max(0, column_ - 1);
  } else {
    unknown_.emplace_back(1, c);
  }
}

void Emulator::erase_below() {
  line().cells.resize(std::min(line().cells.size(), static_cast<std::size_t>(column_)));
  for (std::size_t i = static_cast<std::size_t>(row_) + 1; i < window_.size(); ++i) window_[i] = {};
}

void Emulator::sequence(std::string_view parameters, char last) {
  const std::string given(parameters);
  const int count = std::max(1, std::atoi(given.c_str()));
  const std::string all = given + last;
  if (last == 'A') {
    row_ = std::max(0, row_ - count);
  } else if (last == 'B') {
    row_ = std::min(rows_ - 1, row_ + count);
  } else if (last == 'C') {
    column_ = std::min(columns_ - 1, column_ + count);
  } else if (all == "H") {
    row_ = column_ = 0;
  } else if (all == "J") {
    erase_below();
  } else if (all == "2J") {
    for (Line& row : window_) row = {};
  } else if (all == "3J") {
    above_.clear();
  } else if (all == "K") {
    line().cells.resize(std::min(line().cells.size(), static_cast<std::size_t>(column_)));
  } else if (all == "?7h" || all == "?7l") {
    wraps_ = last == 'h';
  } else if (all == "?2004h" || all == "?2004l") {
    paste_marks_ = last == 'h';
  } else if (all != "0m" && all != "1m" && all != "2m") {
    unknown_.push_back("\x1b[" + all);
  }
}

void Emulator::resize(int columns, int rows) {
  std::vector<Line> whole;
  std::size_t cursor_line = 0;
  std::size_t cursor_at = 0;
  bool goes_on = false;
  const auto add = [&](const Line& part, bool with_cursor) {
    if (!goes_on) whole.emplace_back();
    if (with_cursor) {
      cursor_line = whole.size() - 1;
      cursor_at = whole.back().cells.size() + static_cast<std::size_t>(column_);
    }
    whole.back().cells.insert(whole.back().cells.end(), part.cells.begin(), part.cells.end());
    goes_on = part.goes_on;
  };
  for (const Line& part : above_) add(part, false);
  for (int i = 0; i < rows_; ++i) add(window_[static_cast<std::size_t>(i)], i == row_);
  // Empty rows below the cursor are the window's, not the text's.
  while (whole.size() > cursor_line + 1 && whole.back().cells.empty()) whole.pop_back();

  columns_ = columns;
  rows_ = rows;
  std::vector<Line> broken;
  std::size_t cursor_row = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const auto& cells = whole[i].cells;
    std::size_t begin = 0;
    do {
      const std::size_t end = std::min(cells.size(), begin + static_cast<std::size_t>(columns));
      if (i == cursor_line && cursor_at >= begin && (cursor_at < end || end == cells.size())) {
        cursor_row = broken.size();
        column_ = std::min(static_cast<int>(cursor_at - begin), columns - 1);
      }
      broken.push_back({{cells.begin() + static_cast<std::ptrdiff_t>(begin),
                         cells.begin() + static_cast<std::ptrdiff_t>(end)},
                        end < cells.size()});
      begin = end;
    } while (begin < cells.size());
  }
  const std::size_t height = static_cast<std::size_t>(rows);
  const std::size_t first = broken.size() > height ? broken.size() - height : 0;
  above_.assign(broken.begin(), broken.begin() + static_cast<std::ptrdiff_t>(first));
  window_.assign(broken.begin() + static_cast<std::ptrdiff_t>(first), broken.end());
  window_.resize(height);
  row_ = static_cast<int>(cursor_row - std::min(cursor_row, first));
}

std::string Emulator::text_of(const Line& line) {
  std::string text;
  for (const std::string& cell : line.cells) text += cell;
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::vector<std::string> Emulator::rows() const {
  std::vector<std::string> texts;
  for (const Line& line : window_) texts.push_back(text_of(line));
  return texts;
}

std::vector<std::string> Emulator::scrollback() const {
  std::vector<std::string> texts;
  for (const Line& line : above_) texts.push_back(text_of(line));
  return texts;
}

}  // namespace medgen::cli_tests
