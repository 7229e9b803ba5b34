// What a reader has to know before comparing the numbers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "research/metrics.h"

namespace medgen::research {

// The reference was `all` texts, of which `used` count, `cut` of them shortened to `longest` units.
void note_reference(std::size_t all, std::size_t used, std::size_t cut, std::size_t longest,
                    const std::string& unit, std::vector<std::string>& notices);

// In so many texts the prompt's last bytes and the text's first share a token.
void note_crossing(std::size_t texts, std::vector<std::string>& notices);

// Adds to metrics.notices what the finished table shows.
void note_rows(Metrics& metrics);

}  // namespace medgen::research
