// Picks the lines of a corpus that a tokenizer is trained on.
#include "corpus/tokenizer_text.h"

#include <algorithm>
#include <string_view>

#include "base/random.h"
#include "base/refuse.h"

namespace medgen::corpus {
namespace {

void for_each_line(const Document& document, const std::function<void(std::string_view)>& visit) {
  std::string_view rest = document.text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) visit(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

void sample_lines(const std::vector<std::filesystem::path>& files,
                  const std::vector<SourceWeight>& weights, std::uint64_t max_bytes,
                  std::uint64_t seed, const std::function<void(std::string&&)>& visit) {
  double weighted_bytes = 0;
  for (const auto& file : files) {
    std::error_code ignored;
    if (std::filesystem::is_fifo(file, ignored)) {
      base::refuse(file.string() + " is a pipe, and a corpus is read twice: give a file");
    }
    read_documents(file, [&](Document&& document) {
      weighted_bytes += weight_of(document, weights) * static_cast<double>(document.text.size());
    });
  }
  const double rate = static_cast<double>(max_bytes) / std::max(weighted_bytes, 1.0);
  base::RandomKey key{.seed = seed, .request = 0, .sample = 0};
  for (const auto& file : files) {
    read_documents(file, [&](Document&& document) {
      const double keep = rate * weight_of(document, weights);
      for_each_line(document, [&](std::string_view line) {
        ++key.request;
        if (base::uniform(key, 0) < keep) visit(std::string(line));
      });
    });
  }
}

}  // namespace medgen::corpus
