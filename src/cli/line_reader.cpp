// Lines of a descriptor.
// Must not know what a line holds.
#include "cli/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "medgen/error.h"

namespace medgen::cli {

bool LineReader::fill() {
  char chunk[64 * 1024];
  ssize_t n = 0;
  do {
    n = ::read(descriptor_, chunk, sizeof chunk);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    throw Error(ErrorCode::kRuntime,
                std::string("cannot read standard input: ") + std::strerror(errno));
  }
  buffer_.erase(0, begin_);
  begin_ = 0;
  buffer_.append(chunk, static_cast<std::size_t>(n));
  return n > 0;
}

std::optional<std::string> LineReader::next() {
  std::size_t searched = begin_;
  std::size_t end = buffer_.find('\n', searched);
  while (end == std::string::npos) {
    searched = buffer_.size() - begin_;  // fill() moves what is left to the front
    if (searched > max_bytes_) {
      throw Error(ErrorCode::kRuntime, "line " + std::to_string(number_ + 1) +
                                           " is longer than the " + std::to_string(max_bytes_) +
                                           " bytes that are allowed");
    }
    if (!fill()) break;
    end = buffer_.find('\n', searched);
  }
  if (end == std::string::npos && begin_ == buffer_.size()) return std::nullopt;
  const bool whole = end != std::string::npos;
  std::string line = buffer_.substr(begin_, whole ? end - begin_ : std::string::npos);
  begin_ = whole ? end + 1 : buffer_.size();
  ++number_;
  return line;
}

}  // namespace medgen::cli
