// Looks for stop strings in text that arrives in pieces, and releases only what can no longer be
// part of one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::text {

// The match that ends first wins; of those that end at the same byte, the longest. So the result
// does not depend on how the text was cut into pieces. Time is linear in the text for every stop
// string.
class StopMatcher {
 public:
  // Throws Error(kUsage) for a stop string that is empty or not UTF-8. No stop strings is fine.
  // include: the stop string is part of the text.
  explicit StopMatcher(const std::vector<std::string>& stop_strings, bool include = false);

  // Takes the next piece, whole characters as Utf8Stream gives them, and returns the text that is
  // now safe to show: whole characters; at most one byte less than the longest stop string is held
  // back. Once a stop string has appeared: the text before it, and from then on nothing.
  std::string push(std::string_view piece);

  // The text ends here without a stop string: returns what was held back.
  std::string flush();

  bool matched() const { return matched_; }

 private:
  // Knuth, Morris, Pratt: fallback[i] is the length of the longest proper prefix that also ends the
  // first i + 1 bytes.
  struct Pattern {
    std::string text;
    std::vector<std::size_t> fallback;
    std::size_t length = 0;  // bytes of `text` that the input so far ends with
    bool feed(char byte);    // true when `text` is complete
  };

  std::vector<Pattern> patterns_;
  std::string held_;
  bool include_ = false;
  bool matched_ = false;
};

}  // namespace medgen::text
