// See the header.
#include "research/sweep_reference.h"

#include <algorithm>

#include "research/evaluation.h"

namespace medgen::research {
namespace {

// Together they score tokens[first] and all after it, each once.
std::vector<ScoredSequence> windows_of(const std::vector<TokenId>& tokens, std::size_t first,
                                       std::size_t context) {
  std::vector<ScoredSequence> windows;
  std::size_t begin = first > context ? first - context : 0;
  for (std::size_t next = first; next < tokens.size();) {
    const std::size_t end = std::min(tokens.size(), begin + context + 1);
    ScoredSequence window;
    window.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                         tokens.begin() + static_cast<std::ptrdiff_t>(end));
    window.first_scored = next - begin;
    windows.push_back(std::move(window));
    next = end;
    begin = next - (context + 1) / 2;
  }
  return windows;
}

}  // namespace

void score_texts(Backend& backend, const Tokenizer& tokenizer, std::optional<TokenId> start,
                 std::vector<Sample>& samples) {
  const auto context = static_cast<std::size_t>(backend.info().n_positions);
  for (Sample& sample : samples) {
    std::vector<TokenId> tokens = tokenizer.encode(sample.prompt);
    if (start) tokens.insert(tokens.begin(), *start);
    std::vector<TokenId> text = tokenizer.encode(sample.text);
    if (tokens.empty() && !text.empty()) {
      tokens.push_back(text.front());
      text.erase(text.begin());
    }
    const std::size_t first = tokens.size();
    tokens.insert(tokens.end(), text.begin(), text.end());
    double sum = 0;
    for (const auto& window : score(backend, windows_of(tokens, first, context))) {
      for (const double value : window) sum += value;
    }
    sample.tokens = std::move(text);
    sample.num_tokens = static_cast<int>(sample.tokens.size());
    if (sample.num_tokens > 0) sample.logprob = sum;
  }
}

}  // namespace medgen::research
