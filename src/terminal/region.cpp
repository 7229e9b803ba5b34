// See the header.
#include "terminal/region.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/wipe.h"

namespace medgen::terminal {
namespace {

// Without it a row whose width terminal and we disagree about would begin another.
constexpr std::string_view kNoAutomaticWrap = "\x1b[?7l";
constexpr std::string_view kAutomaticWrap = "\x1b[?7h";
constexpr std::string_view kClearBelow = "\x1b[J";
constexpr std::string_view kClearRest = "\x1b[K";

std::string up(int rows) { return rows > 0 ? fmt::format("\x1b[{}A", rows) : std::string(); }
std::string down(int rows) { return rows > 0 ? fmt::format("\x1b[{}B", rows) : std::string(); }

}  // namespace

Region::~Region() { forget(); }

void Region::draw(std::vector<Row> rows, int cursor_row, int cursor_column) {
  const std::size_t same = static_cast<std::size_t>(
      std::mismatch(rows.begin(), rows.end(), rows_.begin(), rows_.end()).first - rows.begin());
  if (same == rows.size() && same == rows_.size() && cursor_row == cursor_row_ &&
      cursor_column == cursor_column_)
    return;
  std::string out(kNoAutomaticWrap);
  // A new row is made only by going down from one that is there.
  const auto last = [](const std::vector<Row>& of) { return static_cast<int>(of.size()) - 1; };
  int row = std::max(0, std::min({static_cast<int>(same), last(rows), last(rows_)}));
  out += up(cursor_row_ - row);
  out += down(row - cursor_row_);
  out += '\r';
  for (; row < static_cast<int>(rows.size()); ++row) {
    const auto i = static_cast<std::size_t>(row);
    const bool there = i < rows_.size();
    if (!there || rows_[i] != rows[i]) {
      out += rows[i].text;
      // At the last column the cursor stands on the last character itself.
      if (there && rows_[i].width > rows[i].width) out += kClearRest;
    }
    if (i + 1 < rows.size()) out += "\r\n";
  }
  if (rows_.size() > rows.size()) out += fmt::format("\r\n{}\x1b[A", kClearBelow);
  out += up(last(rows) - cursor_row);
  out += '\r';
  if (cursor_column > 0) out += fmt::format("\x1b[{}C", cursor_column);
  out += kAutomaticWrap;
  output_.write(out);
  base::wipe(out);
  for (Row& old : rows_) base::wipe(old.text);
  rows_ = std::move(rows);
  cursor_row_ = cursor_row;
  cursor_column_ = cursor_column;
}

void Region::rewrapped(int columns) {
  int above = cursor_column_ / columns;
  for (int i = 0; i < cursor_row_; ++i) {
    const int width = rows_[static_cast<std::size_t>(i)].width;
    above += std::max(1, (width + columns - 1) / columns);
  }
  output_.write(up(above) + "\r" + std::string(kClearBelow));
  forget();
}

void Region::erase() {
  if (rows_.empty()) return;
  output_.write(up(cursor_row_) + "\r" + std::string(kClearBelow));
  forget();
}

void Region::leave() {
  if (rows_.empty()) return;
  output_.write(down(static_cast<int>(rows_.size()) - 1 - cursor_row_) + "\r\n");
  forget();
}

void Region::forget() {
  for (Row& row : rows_) base::wipe(row.text);
  rows_.clear();
  cursor_row_ = cursor_column_ = 0;
}

}  // namespace medgen::terminal
