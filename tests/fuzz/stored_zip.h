// A zip archive whose records are stored as they are, with the checksums that they have: a fuzzer
// that changes a record would not get past the library's own check.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace medgen::fuzz {

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, value >>= 8U) text += static_cast<char>(value & 0xffU);
  return text;
}

// .ZIP File Format Specification, 4.3.7, 4.3.12 and 4.3.16.
inline std::string stored_zip(const std::vector<std::pair<std::string, std::string>>& records) {
  std::string file, directory;
  for (const auto& [name, bytes] : records) {
    const auto sum =
        ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    const std::string common = little_endian(0, 2) + little_endian(0, 2) + little_endian(0, 4) +
                               little_endian(sum, 4) + little_endian(bytes.size(), 4) +
                               little_endian(bytes.size(), 4) + little_endian(name.size(), 2) +
                               little_endian(0, 2);
    directory += "PK\x01\x02" + little_endian(20, 2) + little_endian(20, 2) + common +
                 little_endian(0, 2 + 2 + 2 + 4) + little_endian(file.size(), 4) + name;
    file += "PK\x03\x04" + little_endian(20, 2) + common + name + bytes;
  }
  const std::size_t begin = file.size();
  return file + directory + "PK\x05\x06" + little_endian(0, 4) + little_endian(records.size(), 2) +
         little_endian(records.size(), 2) + little_endian(directory.size(), 4) +
         little_endian(begin, 4) + little_endian(0, 2);
}

}  // namespace medgen::fuzz
