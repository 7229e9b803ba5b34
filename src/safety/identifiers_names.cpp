// Names are told by their words and the words beside them.
#include "safety/identifiers_names.h"

#include <algorithm>
#include <string>
#include <vector>

#include "safety/identifiers_words.h"

namespace medgen::safety {
namespace {

bool is_letter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

bool is_capital(char c) { return (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) == 0xC3; }

constexpr std::size_t kLongestWord = 40;  // no name in the lists is longer

std::string lower(std::string_view words) {
  std::string result(words.substr(0, kLongestWord));
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_in(const WordSet& words, std::string_view word) {
  return word.size() <= kLongestWord && words.contains(lower(word));
}

struct WordSpan {
  std::size_t begin = 0, end = 0;
  char between = '\0';  // what alone stands between the word and the next one: a blank, "," or "."
};

// Reads a text's words one after another.
class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}

  bool next(WordSpan& word) {
    while (at_ < text_.size() && !is_letter(text_[at_])) ++at_;
    if (at_ == text_.size()) return false;
    word.begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_inner(at_))) ++at_;
    word.end = at_;
    word.between = between(at_);
    return true;
  }

 private:
  bool is_inner(std::size_t at) const {
    const char c = text_[at];
    if ((c != '\'' && c != '-') || at + 1 == text_.size()) return false;
    // "Maria's" is Maria.
    const bool possessive =
        c == '\'' && text_[at + 1] == 's' && (at + 2 == text_.size() || !is_letter(text_[at + 2]));
    return is_letter(text_[at + 1]) && !possessive;
  }
  char between(std::size_t at) const {
    const std::string_view rest = text_.substr(at, 3);
    if (rest.size() > 1 && rest[0] == ' ' && is_letter(rest[1])) return ' ';
    if (rest.size() > 2 && rest[1] == ' ' && is_letter(rest[2])) {
      return rest[0] == ',' || rest[0] == '.' ? rest[0] : '\0';
    }
    return rest.starts_with("'s ") ? '\'' : '\0';
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Judges a window of words that begins with the word in question.
class NameWindow {
 public:
  NameWindow(std::string_view text, const std::vector<WordSpan>& words, std::size_t first)
      : text_(text), words_(words), first_(first) {}

  // How many words from the first on are a name; 0: none.
  std::size_t length() const {
    if (!is_capital(text_[words_[first_].begin])) return 0;
    const std::string_view first = word(0);
    if (const std::size_t reversed = surname_first(first)) return reversed;
    const bool sure = is_in(given_names(), first);
    if (!sure && !is_in(ambiguous_given_names(), first)) return 0;
    if (follows_saint()) return 0;
    const std::size_t last = skip_initial();
    if (joins(last - 1) && last < left() && is_capital(text_[span(last).begin])) {
      const bool listed = is_in(surnames(), word(last));
      const bool eponym = makes_eponym(last);
      if (listed && !eponym) return last + 1;
      if (sure && !eponym && !is_in(plain_words(), word(last)) &&
          !is_in(eponym_nouns(), word(last)) && word(last).size() > 2) {
        return last + 1;
      }
      if (eponym) return 0;  // "Ann Arbor classification"
    }
    const bool acronym = is_shouted(0) && first.size() <= 4;
    return sure && !acronym && !makes_eponym(0) ? 1 : 0;
  }

 private:
  std::size_t left() const { return words_.size() - first_; }
  const WordSpan& span(std::size_t i) const { return words_[first_ + i]; }
  std::string_view word(std::size_t i) const {
    return text_.substr(span(i).begin, span(i).end - span(i).begin);
  }
  bool joins(std::size_t i) const {
    const char between = span(i).between;
    return between == ' ' || (between == '.' && span(i).end - span(i).begin == 1);
  }
  bool is_shouted(std::size_t i) const {
    const std::string_view letters = word(i);
    return letters.size() > 1 && std::none_of(letters.begin(), letters.end(),
                                              [](char c) { return c >= 'a' && c <= 'z'; });
  }
  // "SMITH, JOHN A"
  std::size_t surname_first(std::string_view first) const {
    if (span(0).between != ',' || left() < 2) return 0;
    const bool sure = is_in(given_names(), word(1));
    const bool given = is_in(surnames(), first) ? sure || is_in(ambiguous_given_names(), word(1))
                                                : sure && is_shouted(0) && is_shouted(1);
    if (!given || !is_capital(text_[span(1).begin])) return 0;
    const bool initial = left() > 2 && span(1).between == ' ' && word(2).size() == 1 &&
                         is_capital(text_[span(2).begin]) && word(2) != "I";
    return initial ? 3 : 2;
  }
  std::size_t skip_initial() const {
    return left() > 2 && span(0).between == ' ' && word(1).size() == 1 &&
                   is_capital(text_[span(1).begin]) && word(1) != "I" && joins(1)
               ? 2
               : 1;
  }
  bool makes_eponym(std::size_t i) const {
    const bool near = span(i).between == ' ' || span(i).between == '\'';
    const std::size_t next = i + (span(i).between == '\'' ? 2 : 1);  // past the s
    return near && next < left() && is_in(eponym_nouns(), word(next));
  }
  bool follows_saint() const {
    if (first_ == 0) return false;
    const WordSpan& before = words_[first_ - 1];
    const std::string_view saint = text_.substr(before.begin, before.end - before.begin);
    return before.between != '\0' &&
           (saint == "St" || saint == "Saint" || saint == "San" || saint == "Santa");
  }

  std::string_view text_;
  const std::vector<WordSpan>& words_;
  std::size_t first_;
};

}  // namespace

bool can_be_name(std::string_view words) {
  WordReader reader(words);
  WordSpan word;
  bool any = false;
  while (reader.next(word)) {
    const std::string_view one = words.substr(word.begin, word.end - word.begin);
    const bool initial = word.end < words.size() && words[word.end] == '.';
    if (one == "I" && !initial) return false;
    if (is_in(plain_words(), one) && one.size() > 1) return false;
    any = any || one.size() > 1;
  }
  return any;
}

bool is_listed_name(std::string_view word) {
  return is_in(given_names(), word) || is_in(surnames(), word);
}

bool is_large_city(std::string_view words) {
  if (is_in(large_cities(), words)) return true;
  const std::size_t blank = words.find(' ');
  return blank != words.npos && is_in(large_cities(), words.substr(0, blank));
}

bool is_no_small_place(std::string_view words) { return is_in(large_regions(), words); }

void find_listed_names(std::string_view text,
                       const std::function<void(std::size_t, std::size_t)>& found) {
  // A few words of what went before and of what comes are enough to judge one.
  constexpr std::size_t kAhead = 5;
  std::vector<WordSpan> window;
  WordReader reader(text);
  bool more = true;
  std::size_t at = 0;
  while (true) {
    for (WordSpan word; more && window.size() < at + kAhead;) {
      more = reader.next(word);
      if (more) window.push_back(word);
    }
    if (at >= window.size()) return;
    const std::size_t words = NameWindow(text, window, at).length();
    if (words > 0) {
      const WordSpan& last = window[at + words - 1];
      found(window[at].begin, last.end - window[at].begin);
    }
    at += std::max<std::size_t>(words, 1);
    if (at > 64) {
      window.erase(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(at - 1));
      at = 1;
    }
  }
}

}  // namespace medgen::safety
