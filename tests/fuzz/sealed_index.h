// An index of training text whose bytes were changed gets the checksums that fit, so that what is
// behind them is reached.
#pragma once

#include <xxhash.h>

#include <cstring>
#include <string>
#include <string_view>

#include "why/suffix_index.h"

namespace medgen::fuzz {

inline void reseal_index(std::string& bytes) {
  if (bytes.size() < why::kIndexPage + sizeof(std::uint64_t)) return;
  why::IndexHeader header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  // As many pages as the file has sums for, whatever its header says.
  const std::size_t pages = (bytes.size() - why::kIndexPage - sizeof(std::uint64_t)) /
                            (why::kIndexPage + sizeof(std::uint64_t));
  std::string sums;
  for (std::size_t page = 1; page <= pages; ++page) {
    const XXH64_hash_t sum = XXH3_64bits(bytes.data() + page * why::kIndexPage, why::kIndexPage);
    sums.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  }
  bytes.replace((pages + 1) * why::kIndexPage, sums.size(), sums);
  const std::uint64_t checksum = why::index_checksum(header, sums);
  std::memcpy(bytes.data() + bytes.size() - sizeof checksum, &checksum, sizeof checksum);
}

}  // namespace medgen::fuzz
