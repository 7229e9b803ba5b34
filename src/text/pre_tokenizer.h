// Cuts a text into the words that merges never cross, as a tokenizer.json's "pre_tokenizer" says.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "text/gpt2_split.h"

namespace medgen::text {

enum class PreTokenizerStep : std::uint8_t {
  kGpt2Words,       // GPT-2's own pattern
  kEachDigit,       // every digit apart
  kRunsOfDigits,    // digits apart from the rest
  kAddPrefixSpace,  // a part that does not begin with a space gets one
};

// What GPT-2 itself does.
inline const std::vector<PreTokenizerStep>& gpt2_steps() {
  static const std::vector<PreTokenizerStep> steps = {PreTokenizerStep::kGpt2Words};
  return steps;
}

// Immutable; safe to share between threads.
class PreTokenizer {
 public:
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {}

  // Calls `on_word` for each word in order. `text` is valid UTF-8 and not empty.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_word) const;

 private:
  void split_from(std::size_t step, std::string_view text,
                  const std::function<void(std::string_view)>& on_word) const;

  Gpt2Splitter splitter_;
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace medgen::text
