// See the header.
#include "terminal/edit_layout.h"

#include <algorithm>
#include <string>

#include "terminal/wrap.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

constexpr std::string_view kTab = "    ";

class EditRows {
 public:
  explicit EditRows(int columns) : columns_(columns), layout_{{Row{}}, 0, 0} {}

  void add(std::string_view character) {
    if (character == "\n") {
      layout_.rows.emplace_back();
      return;
    }
    // What is spelled out may be broken anywhere.
    const std::string shown = character == "\t" ? std::string(kTab) : text::visible(character);
    std::string_view rest = shown;
    while (!rest.empty()) {
      const std::size_t size = first_character(rest);
      const int width = width_of(rest.substr(0, size));
      if (row().width > 0 && row().width + width > columns_) layout_.rows.emplace_back();
      row().text += rest.substr(0, size);
      row().width += width;
      rest.remove_prefix(size);
    }
  }

  // The next character will stand there, or on the next row if it is wide.
  void mark_cursor(std::string_view next) {
    const bool ends = next.empty() || next == "\n";
    const int width = ends ? 1 : std::clamp(width_of(text::visible(next)), 1, 2);
    if (row().width > 0 && row().width + width > columns_) {
      layout_.cursor_row = static_cast<int>(layout_.rows.size());
      return;
    }
    layout_.cursor_row = static_cast<int>(layout_.rows.size()) - 1;
    layout_.cursor_column = row().width;
  }

  EditLayout take() {
    if (layout_.cursor_row == static_cast<int>(layout_.rows.size())) layout_.rows.emplace_back();
    return std::move(layout_);
  }

 private:
  Row& row() { return layout_.rows.back(); }

  int columns_;
  EditLayout layout_;
};

}  // namespace

EditLayout edit_layout(std::string_view prompt, std::string_view text, std::size_t cursor,
                       int columns, int limit) {
  EditRows rows(columns);
  for (std::string_view rest = prompt; !rest.empty();) {
    const std::size_t size = first_character(rest);
    rows.add(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  bool marked = false;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t size = first_character(text.substr(at));
    if (!marked && at >= cursor) {
      rows.mark_cursor(text.substr(at, size));
      marked = true;
    }
    if (size == 0) break;
    rows.add(text.substr(at, size));
    at += size;
  }
  EditLayout layout = rows.take();
  const int count = static_cast<int>(layout.rows.size());
  if (count > limit) {
    const int first = std::clamp(layout.cursor_row - limit / 2, 0, count - limit);
    const auto begin = layout.rows.begin() + first;
    layout.rows = std::vector<Row>(begin, begin + limit);
    layout.cursor_row -= first;
  }
  return layout;
}

}  // namespace medgen::terminal
