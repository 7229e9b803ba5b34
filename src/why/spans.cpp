#include "why/spans.h"

#include <algorithm>

namespace medgen::why {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool closes_sentence(std::string_view word) {
  while (!word.empty() && (word.back() == '"' || word.back() == ')' || word.back() == '\'')) {
    word.remove_suffix(1);
  }
  return word.ends_with('.') || word.ends_with('!') || word.ends_with('?') ||
         word.ends_with("\u2026");
}

}  // namespace

std::vector<Span> words_of(std::string_view text) {
  std::vector<Span> words;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && !is_blank(text[at])) ++at;
    words.push_back({begin, at});
  }
  return words;
}

std::vector<Span> sentences_of(std::string_view text) {
  std::vector<Span> sentences;
  bool open = false;  // the last sentence goes on
  for (const Span& word : words_of(text)) {
    if (open && text.substr(sentences.back().end, word.begin - sentences.back().end).find('\n') !=
                    std::string_view::npos) {
      open = false;
    }
    if (open) {
      sentences.back().end = word.end;
    } else {
      sentences.push_back(word);
    }
    open = !closes_sentence(text.substr(word.begin, word.end - word.begin));
  }
  return sentences;
}

std::vector<int> owners_of_tokens(std::string_view text, std::span<const std::string> token_bytes,
                                  std::span<const Span> spans) {
  std::vector<int> owners;
  owners.reserve(token_bytes.size());
  std::size_t begin = 0, span = 0;
  for (const std::string& bytes : token_bytes) {
    std::size_t first = begin;  // of the token's own bytes, the first that is no blank
    const std::size_t end = std::min(begin + bytes.size(), text.size());
    while (first < end && is_blank(text[first])) ++first;
    while (span < spans.size() && spans[span].end <= first) ++span;
    // Only blanks: they lead to the word that follows.
    const bool owned = span < spans.size() && (spans[span].begin <= first || first == end);
    owners.push_back(owned ? static_cast<int>(span) : -1);
    begin += bytes.size();
  }
  return owners;
}

}  // namespace medgen::why
