// Reading training and evaluation text: JSON Lines, plain or zstd-compressed, as a stream of
// documents. Knows nothing of tokens or models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace medgen {

struct Document {
  std::string source;  // the record's "source" field, or empty
  std::string group;   // the file's name without folder and endings: "train-nhs"
  std::string text;    // valid UTF-8
};

// Calls `visit` with every document of a `.jsonl` or `.jsonl.zst` file, in order, holding one line
// at a time. A record is {"text": ...} or {"question": ..., "answer": ...}; the latter becomes
// "Question: ...\nAnswer: ...". Returns the number of lines passed over because they hold neither,
// are not JSON or not valid UTF-8. Throws Error(kRuntime) if the file cannot be read.
std::uint64_t read_documents(const std::filesystem::path& path,
                             const std::function<void(Document&&)>& visit);

// How often each document counts, by its source or by its file's group; 1 where nothing is said.
struct SourceWeight {
  std::string name;
  double weight = 1.0;  // finite, >= 0
};
double weight_of(const Document& document, const std::vector<SourceWeight>& weights);

}  // namespace medgen
