// A line that is edited, as rows of the window.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "terminal/region.h"

namespace medgen::terminal {

struct EditLayout {
  std::vector<Row> rows;
  int cursor_row = 0;
  int cursor_column = 0;
};

// `text` behind `prompt`, broken where a row is full, with the cursor before its byte `cursor`.
// Where that makes more than `limit` rows, those around the cursor.
EditLayout edit_layout(std::string_view prompt, std::string_view text, std::size_t cursor,
                       int columns, int limit);

}  // namespace medgen::terminal
