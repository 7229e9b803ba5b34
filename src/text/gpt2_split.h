// Cuts text into the words that GPT-2's byte-pair merges never cross.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace medgen::text {

// The pattern of GPT-2's published encoder.py,
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// with letters, numbers and spaces as Hugging Face's `tokenizers` has them (Unicode 16), whatever
// Unicode version PCRE2 was built with, as long as that is not newer. Immutable; safe to share
// between threads.
class Gpt2Splitter {
 public:
  Gpt2Splitter();
  ~Gpt2Splitter();

  // Calls `on_word` for each word in order; together they are the whole text. `text` must be valid
  // UTF-8. Linear in the length of the text.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_word) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace medgen::text
