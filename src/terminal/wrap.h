// Text in rows of a width, by the columns that a terminal gives each character.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::terminal {

// Columns of valid UTF-8 without control characters: wide characters take two, combining none.
int width_of(std::string_view text);

// Bytes of the first user-perceived character: a base with all that combines with it. 0 for "".
std::size_t first_character(std::string_view text);
std::size_t last_character(std::string_view text);

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool operator==(const Range&) const = default;
};

// The rows of `text`, broken at words where they fit and at newlines; blanks at a break belong to
// no row. At least one. `columns` is at least 1.
std::vector<Range> wrap(std::string_view text, int columns);
// `rows` are those of what `text` began with; only the last of them is broken anew.
void wrap_more(std::string_view text, int columns, std::vector<Range>& rows);

}  // namespace medgen::terminal
