// A prepared corpus becomes an index of training text; an index is checked.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "why/suffix_index_build.h"

namespace medgen::jobs {

struct IndexAsked {
  std::filesystem::path shards;
  why::IndexOptions options;
  // Called with the most memory that it will take, in bytes, before it is taken.
  std::function<void(std::uint64_t bytes)> opened = {};
};

// What opening the shards and building throw.
why::IndexReport make_index(const IndexAsked& asked);

// Reads all of an index. Throws Error(kRuntime) that says what is wrong with it.
why::IndexReport check_index(const std::filesystem::path& folder);

}  // namespace medgen::jobs
