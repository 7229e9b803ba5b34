// Lines of a descriptor, one at a time, however long the whole is.
// Must not know what a line holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace medgen::cli {

class LineReader {
 public:
  // A line longer than `max_bytes` is refused.
  LineReader(int descriptor, std::size_t max_bytes)
      : descriptor_(descriptor), max_bytes_(max_bytes) {}

  // The next line without its line break; nothing at the end. Throws Error(kRuntime) with the
  // line's number.
  std::optional<std::string> next();

  std::uint64_t number() const { return number_; }  // of the line last returned, from 1

 private:
  bool fill();

  int descriptor_;
  std::size_t max_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what has not been returned yet
  std::uint64_t number_ = 0;
};

}  // namespace medgen::cli
