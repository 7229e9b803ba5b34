// See the header. utf8proc knows how case folds.
#include "text/never_say.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "text/characters.h"
#include "text/utf8.h"

namespace medgen::text {

std::string never_say_fault(const std::string& text) {
  if (text.empty()) return " is empty; it must hold at least one character: leave it out";
  if (text == "*") {
    return " is a * alone, which stands ahead of a text that is found within words, too: give the "
           "text, as in *itis";
  }
  if (const auto at = find_invalid_utf8(text)) {
    return " is not UTF-8 at byte " + std::to_string(*at) + ": write it in UTF-8";
  }
  if (text.find("\xEF\xBF\xBD") != std::string::npos) {
    return " holds U+FFFD, which stands for broken bytes: take it out";
  }
  return {};
}

char32_t fold_case(char32_t code) {
  if (code < 0x80) return code >= U'A' && code <= U'Z' ? code + (U'a' - U'A') : code;
  // The full folding, where that is a single character; where it is several, the simple one is
  // what the small letter is.
  std::array<utf8proc_int32_t, 8> folded{};
  int boundary = 0;
  const auto size = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), folded.data(),
                                            static_cast<utf8proc_ssize_t>(folded.size()),
                                            UTF8PROC_CASEFOLD, &boundary);
  const utf8proc_int32_t result =
      size == 1 ? folded[0] : utf8proc_tolower(static_cast<utf8proc_int32_t>(code));
  return static_cast<char32_t>(result);
}

NeverSay::NeverSay(const std::vector<std::string>& texts) : lengths_(texts.size(), 0) {
  auto patterns = std::make_shared<Patterns>();
  for (const std::string& given : texts) {
    const bool star = given.starts_with('*');
    Pattern& pattern = patterns->all.emplace_back();
    bool word = false;
    for (std::size_t at = star ? 1 : 0; at < given.size();) {
      const CodePoint character = code_point_at(given, at);
      if (pattern.text.empty()) word = is_word_character(character.code);
      pattern.text += fold_case(character.code);
      at += character.size;
    }
    pattern.anywhere = star || !word;
    patterns->inside_words = patterns->inside_words || (star && word);
    patterns->longest = std::max(patterns->longest, pattern.text.size());
    pattern.fallback.assign(pattern.text.size(), 0);
    for (std::size_t i = 1; i < pattern.text.size(); ++i) {
      std::uint32_t length = pattern.fallback[i - 1];
      while (length > 0 && pattern.text[length] != pattern.text[i]) {
        length = pattern.fallback[length - 1];
      }
      pattern.fallback[i] = length + (pattern.text[length] == pattern.text[i] ? 1 : 0);
    }
  }
  patterns_ = std::move(patterns);
}

std::size_t NeverSay::reach() const {
  constexpr std::size_t kBytes = 4;  // of a character, at most
  return kBytes * (patterns_->longest + 2);
}

void NeverSay::begin_after(std::string_view before) {
  for (std::size_t at = 0; at < before.size();) {
    const CodePoint character = code_point_at(before, at);
    take(character.code, 0);
    for (std::size_t p = 0; p < lengths_.size(); ++p) feed(p, characters_.back().folded);
    at += character.size;
  }
  before_ = characters_.size();
}

// True when the whole of the pattern is there.
bool NeverSay::feed(std::size_t p, char32_t folded) {
  const Pattern& pattern = patterns_->all[p];
  std::uint32_t& length = lengths_[p];
  while (length > 0 && pattern.text[length] != folded) length = pattern.fallback[length - 1];
  if (pattern.text[length] == folded) ++length;
  if (length < pattern.text.size()) return false;
  length = pattern.fallback.back();  // the next occurrence may overlap with this one
  return true;
}

void NeverSay::take(char32_t code, std::size_t begin) {
  Character character{fold_case(code), is_word_character(code), begin, begin};
  if (character.in_word && !characters_.empty() && characters_.back().in_word) {
    character.word = characters_.back().word;
  }
  characters_.push_back(character);
}

bool NeverSay::begins_word(std::size_t i) const { return i == 0 || !characters_[i - 1].in_word; }

bool NeverSay::may_begin(const Pattern& pattern, std::size_t i) const {
  return pattern.anywhere || begins_word(i);
}

// `i` may be the character that comes next.
std::size_t NeverSay::back_from(std::size_t i) const {
  std::size_t word = end_;
  if (i < characters_.size()) {
    word = characters_[i].word;
  } else if (!characters_.empty() && characters_.back().in_word) {
    word = characters_.back().word;
  }
  if (i <= kLongestWord) return word;
  return std::max(word, characters_[i - kLongestWord].begin);
}

std::optional<std::size_t> NeverSay::push(std::string_view piece) {
  for (std::size_t at = 0; at < piece.size();) {
    const CodePoint character = code_point_at(piece, at);
    take(character.code, end_);
    at += character.size;
    end_ += character.size;
    std::optional<std::size_t> back;
    for (std::size_t p = 0; p < lengths_.size(); ++p) {
      const Pattern& pattern = patterns_->all[p];
      if (!feed(p, characters_.back().folded)) continue;
      const std::size_t first = characters_.size() - pattern.text.size();
      // Of several that end here, what changes least.
      if (may_begin(pattern, first)) back = std::max(back.value_or(0), back_from(first));
    }
    if (back) return back;
  }
  return std::nullopt;
}

void NeverSay::cut(std::size_t size) {
  while (characters_.size() > before_ && characters_.back().begin >= size) characters_.pop_back();
  end_ = size;
  std::fill(lengths_.begin(), lengths_.end(), 0);
  const std::size_t count = characters_.size();
  for (std::size_t i = count - std::min(count, patterns_->longest); i < count; ++i) {
    for (std::size_t p = 0; p < lengths_.size(); ++p) feed(p, characters_[i].folded);
  }
}

std::size_t NeverSay::undecided() const {
  const std::size_t count = characters_.size();
  std::size_t least = patterns_->inside_words ? back_from(count) : end_;
  for (std::size_t p = 0; p < lengths_.size(); ++p) {
    const Pattern& pattern = patterns_->all[p];
    for (std::uint32_t length = lengths_[p]; length > 0; length = pattern.fallback[length - 1]) {
      if (!may_begin(pattern, count - length)) continue;
      least = std::min(least, back_from(count - length));
      break;  // shorter ones begin later
    }
  }
  return least;
}

}  // namespace medgen::text
