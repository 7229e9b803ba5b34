// Cuts inputs into rows without understanding them: lines, or CSV records. One row is held at a
// time, and none that is longer than kMaxRowBytes.
// Knows nothing of what a row holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace medgen::batch {

inline constexpr std::size_t kMaxRowBytes = std::size_t{4} << 20U;

enum class InputFormat { kText, kCsv, kTsv, kJsonl };

// From the name, without .gz or .zst. Throws Error(kUsage) if the name does not tell.
InputFormat format_of_name(const std::filesystem::path& path);

// Blocks of bytes; empty at the end. A block is valid until the next call.
using Blocks = std::function<std::string_view()>;

// Of a file, decompressed by its name. Throws Error(kUsage) if it cannot be opened.
Blocks file_blocks(const std::filesystem::path& path);

// Of a descriptor, as they arrive; ends early when `stop` is set. Throws Error(kRuntime).
Blocks descriptor_blocks(int descriptor, const std::atomic<bool>& stop);

struct RawRow {
  std::uint64_t line = 0;  // where it begins, from 1
  std::string text;        // without its line break
  bool too_long = false;   // then `text` is its beginning
};

// Rows of one input.
class RowSplitter {
 public:
  // `name` is for messages.
  RowSplitter(Blocks blocks, InputFormat format, std::string name);

  // False at the end. Throws Error(kUsage) for a CSV quote that is never closed: the rows after it
  // cannot be told apart.
  bool next(RawRow& row);

 private:
  enum class Quote { kFieldStart, kPlain, kInside, kAfter, kBroken };

  bool fill();
  std::size_t find_end(std::string_view bytes);
  void add(RawRow& row, std::string_view bytes) const;

  Blocks blocks_;
  InputFormat format_;
  std::string name_;
  std::string_view block_;
  bool begun_ = false;
  std::string beginning_;  // of the input, enough to recognise a byte order mark
  std::uint64_t line_ = 1;
  Quote quote_ = Quote::kFieldStart;
};

}  // namespace medgen::batch
