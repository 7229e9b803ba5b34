// Continuations as rows of the window. Nothing here but functions of what is to be shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "terminal/region.h"

namespace medgen::terminal {

// All texts are valid UTF-8 without control characters but newlines.
struct BlockText {
  int number = 1;
  int count = 1;
  std::uint64_t seed = 0;
  std::string_view typed;
  std::string_view generated;
  std::string_view note;
};

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
