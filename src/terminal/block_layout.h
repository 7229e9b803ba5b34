// Continuations as rows of the window. Nothing here but functions of what is to be shown.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "terminal/region.h"
#include "terminal/wrap.h"

namespace medgen::terminal {

// Stands between the typed text and the generated.
inline constexpr std::string_view kSeam = "\xE2\x96\xB8";  // ▸

// All texts are valid UTF-8 without control characters but newlines.
struct BlockText {
  int number = 1;
  int count = 1;
  std::uint64_t seed = 0;
  std::string_view text = {};  // typed, the seam, generated
  std::size_t typed = 0;       // bytes before the seam
  std::string_view note = {};
  std::span<const Range> rows = {};  // of the text, wrapped to text_columns()
};

// What each of `count` texts gets of a window's columns.
int text_columns(int count, int columns);

// "machine 1/3 · seed 4711 · note".
std::string mark_of(const BlockText& block);

// Side by side where the window has 120 columns or more and each gets 36; otherwise below one
// another. `limit` is the most rows that there may be, 0 for any number: of texts that are too long
// their ends are shown.
std::vector<Row> block_rows(const std::vector<BlockText>& blocks, int columns, int limit,
                            bool color);

// For plain output: whole lines, each of which says who wrote it.
std::string plain_block(const BlockText& block);

}  // namespace medgen::terminal
