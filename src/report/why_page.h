// Which words led to a text, as one HTML page without a script: words are shaded, and are told with
// their numbers to whoever points at them, reaches them by the keyboard or has the page read aloud.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "why/account.h"

namespace medgen::report {

// What the reader is told besides.
struct WhyContext {
  std::string model_name, model_sha256, precision;
  std::string origin;                 // of the made text: "drawn", "given", "recorded"
  std::optional<std::uint64_t> seed;  // of what was drawn
  std::string notice;
};

// Each made word leads to a view of the prompt shaded by its influence on that word, where there
// are at most 100,000 pairs of words; beyond, to its row of the table alone.
std::string why_page(const why::Account& account, const WhyContext& context);

}  // namespace medgen::report
