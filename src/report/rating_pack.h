// Texts of a sweep for blind rating by people: a table with empty columns, and the key that says
// which setting made which.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "research/sample.h"

namespace medgen::report {

struct RatingAxis {
  std::string_view column;
  std::string_view question;
  std::vector<std::string_view> answers;  // what may be entered
  bool is_ordered = false;                // from less to more
};

// The axes of the human evaluation in Singhal et al., "Large language models encode clinical
// knowledge", 2023, in our words.
const std::vector<RatingAxis>& rating_axes();

struct RatingPack {
  std::string texts_csv;  // item, prompt, text, and an empty column for each axis
  std::string key_csv;    // item, setting, prompt_id, index
  std::size_t items = 0;
};

// `count` of the samples, or all if there are fewer: whole sets of the same prompt and index under
// every setting, as far as they go, in random order. The same seed gives the same
// pack. No cell is a formula for a spreadsheet, unless they are to be `raw`.
RatingPack make_rating_pack(const std::vector<research::Sample>& samples, std::size_t count,
                            std::uint64_t seed, bool raw = false);

}  // namespace medgen::report
