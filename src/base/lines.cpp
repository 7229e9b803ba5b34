// See the header.
#include "base/lines.h"

#include <fmt/format.h>

#include <utility>

namespace medgen::base {

Lines::Lines(Blocks blocks, std::size_t max_bytes)
    : blocks_(std::move(blocks)), max_bytes_(max_bytes) {}

// A terminal would have to be told a second time that its input ends.
bool Lines::fill() {
  if (!done_) block_ = blocks_();
  done_ = block_.empty();
  return !done_;
}

bool Lines::read(Line& line, bool refuse) {
  line.number = number_ + 1;
  line.text.clear();
  line.too_long = line.ended = false;
  while (!line.ended && (!block_.empty() || fill())) {
    number_ = line.number;
    const std::size_t end = block_.find('\n');
    const std::string_view part = block_.substr(0, end);
    const std::size_t room = max_bytes_ - line.text.size();
    line.too_long = line.too_long || part.size() > room;
    if (refuse && line.too_long) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("line {} is longer than the {} bytes that are allowed", line.number,
                              max_bytes_));
    }
    line.text.append(part.substr(0, room));
    line.ended = end != std::string_view::npos;
    block_.remove_prefix(line.ended ? end + 1 : block_.size());
  }
  return number_ == line.number;
}

}  // namespace medgen::base
