// Picks the lines of a corpus that a tokenizer is trained on: a weighted sample of bounded size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "corpus/documents.h"

namespace medgen::corpus {

// Calls `visit` with about `max_bytes` of text, line by line. Each line is kept or not by a random
// number of its own (keyed by seed and place), in proportion to its source's weight; reads the
// files twice.
void sample_lines(const std::vector<std::filesystem::path>& files,
                  const std::vector<SourceWeight>& weights, std::uint64_t max_bytes,
                  std::uint64_t seed, const std::function<void(std::string&&)>& visit);

}  // namespace medgen::corpus
