// See the header.
#include "text/pre_tokenizer.h"

#include <string>

#include "text/characters.h"

namespace medgen::text {
namespace {

void split_digits(std::string_view text, bool each,
                  const std::function<void(std::string_view)>& on_word) {
  std::size_t start = 0;
  bool digits_before = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint character = code_point_at(text, at);
    const bool digit = is_number(character.code);
    const bool cut = digit != digits_before || (digit && each);
    if (cut && at > start) {
      on_word(text.substr(start, at - start));
      start = at;
    }
    digits_before = digit;
    at += character.size;
  }
  if (start < text.size()) on_word(text.substr(start));
}

}  // namespace

void PreTokenizer::split_from(std::size_t step, std::string_view text,
                              const std::function<void(std::string_view)>& on_word) const {
  if (step == steps_.size()) return on_word(text);
  const auto go_on = [&](std::string_view part) { split_from(step + 1, part, on_word); };
  switch (steps_[step]) {
    case PreTokenizerStep::kGpt2Words:
      if (step + 1 == steps_.size()) return splitter_.split(text, on_word);
      return splitter_.split(text, go_on);
    case PreTokenizerStep::kEachDigit:
      return split_digits(text, true, go_on);
    case PreTokenizerStep::kRunsOfDigits:
      return split_digits(text, false, go_on);
    case PreTokenizerStep::kAddPrefixSpace:
      if (text.starts_with(' ')) return go_on(text);
      std::string spaced = " ";
      spaced += text;
      return go_on(spaced);
  }
}

void PreTokenizer::split(std::string_view text,
                         const std::function<void(std::string_view)>& on_word) const {
  split_from(0, text, on_word);
}

}  // namespace medgen::text
