// See the header. utf8proc knows widths and what combines.
#include "terminal/wrap.h"

#include <utf8proc.h>

#include "text/characters.h"

namespace medgen::terminal {
namespace {

bool plain_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

bool breaks_between(char32_t left, char32_t right, utf8proc_int32_t& state) {
  return utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(left),
                                          static_cast<utf8proc_int32_t>(right), &state);
}

std::size_t without_blanks(std::string_view text, std::size_t begin, std::size_t end) {
  while (end > begin && text[end - 1] == ' ') --end;
  return end;
}

}  // namespace

int width_of(std::string_view text) {
  int width = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (plain_ascii(text[at])) {
      ++width;
      ++at;
      continue;
    }
    const auto [code, size] = text::code_point_at(text, at);
    width += utf8proc_charwidth(static_cast<utf8proc_int32_t>(code));
    at += size;
  }
  return width;
}

std::size_t first_character(std::string_view text) {
  if (text.empty()) return 0;
  if (plain_ascii(text[0]) && (text.size() == 1 || plain_ascii(text[1]))) return 1;
  text::CodePoint left = text::code_point_at(text, 0);
  std::size_t at = left.size;
  utf8proc_int32_t state = 0;
  while (at < text.size()) {
    const text::CodePoint right = text::code_point_at(text, at);
    if (breaks_between(left.code, right.code, state)) break;
    at += right.size;
    left = right;
  }
  return at;
}

std::size_t last_character(std::string_view text) {
  // From the last newline or blank on: nothing combines across it.
  std::size_t begin = text.find_last_of(" \n", text.empty() ? 0 : text.size() - 1);
  if (begin == std::string_view::npos) begin = 0;
  std::size_t size = 0;
  for (std::size_t at = begin; at < text.size(); at += size)
    size = first_character(text.substr(at));
  return size;
}

std::vector<Range> wrap(std::string_view text, int columns) {
  std::vector<Range> rows;
  wrap_more(text, columns, rows);
  return rows;
}

void wrap_more(std::string_view text, int columns, std::vector<Range>& rows) {
  std::size_t begin = 0;  // of the row
  if (!rows.empty()) {
    begin = rows.back().begin;
    rows.pop_back();
  }
  std::size_t word_end = begin;  // where the row may end, if that is behind its beginning
  std::size_t word = begin;      // what the next row would begin with
  int width = 0;
  std::size_t size = 0;
  for (std::size_t at = begin; at < text.size(); at += size) {
    size = first_character(text.substr(at));
    const std::string_view character = text.substr(at, size);
    if (character == "\n") {
      rows.push_back({begin, without_blanks(text, begin, at)});
      begin = word_end = word = at + 1;
      width = 0;
      continue;
    }
    const bool blank = character == " ";
    const bool after_blank = at > begin && text[at - 1] == ' ';
    if (blank && !after_blank) word_end = at;
    if (!blank && after_blank) word = at;
    const int more = width_of(character);
    if (!blank && width + more > columns && at > begin) {
      const bool at_word = word_end > begin && word > word_end;
      const std::size_t next = at_word ? word : at;
      rows.push_back({begin, at_word ? word_end : at});
      begin = word_end = word = next;
      width = width_of(text.substr(begin, at - begin));
      if (width + more > columns && at > begin) {  // the word is longer than a row
        rows.push_back({begin, at});
        begin = word_end = word = at;
        width = 0;
      }
    }
    width += more;
  }
  rows.push_back({begin, without_blanks(text, begin, text.size())});
}

}  // namespace medgen::terminal
