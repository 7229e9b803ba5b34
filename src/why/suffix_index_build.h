// Making an index of training text, see suffix_index.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "corpus/shards.h"

namespace medgen::why {

struct IndexOptions {
  std::filesystem::path output;  // the index folder; must not exist, unless `replace`
  bool replace = false;          // an index folder that stands there
  // Called with what is being done, before each part of it. What it throws ends the work with
  // nothing left behind.
  std::function<void(const std::string& what)> progress = {};
};

struct IndexReport {
  std::uint64_t tokens = 0, documents = 0;
  std::uint64_t named_documents = 0;  // with an id, a title or a licence
  std::uint64_t bytes = 0;            // of suffixes.bin
};

// The memory that making one takes, in bytes, besides the mapped shards and the names: the ids and,
// for each of their bytes, a place of 4 bytes; 10 bytes a token, 20 where a vocabulary has over
// 65536 ids.
std::uint64_t index_memory(const corpus::Shards& shards);

// Indexes the training documents of `shards`. Suffixes are sorted as bytes (libdivsufsort), and
// those that begin within an id are dropped: since all ids are of one width and have their highest
// byte first, what is left is in the order of ids. The same shards give the same bytes. Throws
// Error(kUsage) for a folder that may not be replaced, Error(kRuntime) for more text than 2 GB of
// ids, a full disk.
IndexReport build_index(const corpus::Shards& shards, const IndexOptions& options);

}  // namespace medgen::why
