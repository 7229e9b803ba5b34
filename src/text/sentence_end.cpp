// See sentence_end.h.
#include "text/sentence_end.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace medgen::text {
namespace {

constexpr std::array<std::string_view, 4> kEnds = {".", "!", "?", "\xE2\x80\xA6"};
constexpr std::array<std::string_view, 6> kClosers = {"\"",           "'",           ")", "]",
                                                      "\xE2\x80\x9D", "\xE2\x80\x99"};
constexpr std::array<std::string_view, 11> kTitles = {"Dr", "Mr",  "Mrs", "Ms",     "St", "Prof",
                                                      "vs", "e.g", "i.e", "approx", "No"};

// The mark of `marks` at `at`, or nothing.
template <std::size_t kN>
std::size_t mark_at(const std::array<std::string_view, kN>& marks, std::string_view text,
                    std::size_t at) {
  for (const std::string_view mark : marks) {
    if (text.substr(at).starts_with(mark)) return mark.size();
  }
  return 0;
}

bool is_abbreviation(std::string_view text, std::size_t period) {
  const std::size_t blank = text.find_last_of(" \n\t(", period == 0 ? 0 : period - 1);
  const std::string_view word =
      text.substr(0, period).substr(blank == std::string_view::npos ? 0 : blank + 1);
  const bool letter = word.size() == 1 && std::isalpha(static_cast<unsigned char>(word[0])) != 0 &&
                      word != "I" && word != "a";
  return letter || std::find(kTitles.begin(), kTitles.end(), word) != kTitles.end();
}

// Length of `text` up to its last complete sentence. `ended`: nothing follows.
std::size_t complete(std::string_view text, bool ended) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = mark_at(kEnds, text, i);
    if (end == 0) {
      ++i;
      continue;
    }
    std::size_t after = i + end;
    for (std::size_t more = 1; more > 0; after += more) {
      more = std::max(mark_at(kEnds, text, after), mark_at(kClosers, text, after));
    }
    const bool followed =
        after < text.size() ? std::isspace(static_cast<unsigned char>(text[after])) != 0 : ended;
    if (followed && !(text[i] == '.' && after == i + 1 && is_abbreviation(text, i))) length = after;
    i = after;
  }
  return length;
}

}  // namespace

std::string SentenceCutter::push(std::string_view piece) {
  held_ += piece;
  const std::size_t length = complete(held_, false);
  std::string text = held_.substr(0, length);
  held_.erase(0, length);
  any_ = any_ || length > 0;
  return text;
}

std::string SentenceCutter::flush(bool whole) {
  const std::size_t length = complete(held_, true);
  std::string text = whole || (!any_ && length == 0) ? held_ : held_.substr(0, length);
  held_.clear();
  return text;
}

}  // namespace medgen::text
