// Lines with their numbers, one at a time, however long the whole is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/byte_reader.h"

namespace medgen::base {

struct Line {
  std::uint64_t number = 0;  // from 1
  std::string text;          // without its line feed
  bool too_long = false;     // then `text` is its beginning
  bool ended = false;        // by a line feed, which the last line may lack
};

// The longest line of JSON that is read whole.
inline constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20U;

class Lines {
 public:
  static constexpr std::size_t kAnyLength = std::numeric_limits<std::size_t>::max();

  // No more than `max_bytes` of a line are held.
  Lines(Blocks blocks, std::size_t max_bytes);

  // False at the end.
  bool next(Line& line) { return read(line, /*refuse=*/false); }
  // For those to whom a part of a line is of no use: throws Error(kRuntime) with the number of one
  // that is too long.
  bool next_whole(Line& line) { return read(line, /*refuse=*/true); }

 private:
  bool read(Line& line, bool refuse);
  bool fill();

  Blocks blocks_;
  std::size_t max_bytes_;
  std::string_view block_;
  std::uint64_t number_ = 0;
  bool done_ = false;
};

}  // namespace medgen::base
