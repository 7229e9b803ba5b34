// The bytes of a file in blocks, decompressed when its name ends in .zst or .gz. Knows nothing of
// what the bytes mean.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

namespace medgen::base {

class ByteReader {
 public:
  // Throws Error(kRuntime) naming the file if it cannot be read, here and in next().
  explicit ByteReader(const std::filesystem::path& path);
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;
  ~ByteReader();

  // The next block, valid until the next call; empty at the end of the file. Throws for compressed
  // data that is damaged or ends early.
  std::string_view next();

 private:
  class Decoder;
  class ZstdDecoder;
  class GzipDecoder;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace medgen::base
