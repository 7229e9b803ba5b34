// See the header.
#include "why/agree_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/refuse.h"
#include "base/text_blocks.h"
#include "medgen/error.h"
#include "text/characters.h"
#include "text/never_say.h"
#include "text/utf8.h"

namespace medgen::why {
namespace {

constexpr std::size_t kShortestContentWord = 3;  // characters

// Words that say how others belong together, rather than what a text is about.
const std::set<std::string_view> kFunctionWords = {
    "about",     "above",     "after",    "again",   "against",    "all",     "almost",  "along",
    "already",   "also",      "although", "always",  "among",      "and",     "another", "any",
    "anyone",    "anything",  "are",      "aren't",  "around",     "because", "been",    "before",
    "being",     "below",     "between",  "both",    "but",        "can",     "can't",   "cannot",
    "could",     "couldn't",  "did",      "didn't",  "does",       "doesn't", "doing",   "don't",
    "down",      "during",    "each",     "either",  "else",       "even",    "ever",    "every",
    "few",       "for",       "from",     "further", "get",        "gets",    "getting", "give",
    "given",     "goes",      "going",    "got",     "had",        "hadn't",  "has",     "hasn't",
    "have",      "haven't",   "having",   "her",     "here",       "hers",    "herself", "him",
    "himself",   "his",       "how",      "however", "i'd",        "i'll",    "i'm",     "i've",
    "into",      "isn't",     "it's",     "its",     "itself",     "just",    "let",     "like",
    "made",      "make",      "makes",    "many",    "may",        "maybe",   "might",   "more",
    "most",      "much",      "must",     "myself",  "never",      "nor",     "not",     "nothing",
    "now",       "off",       "often",    "once",    "one",        "only",    "onto",    "other",
    "others",    "our",       "ours",     "out",     "over",       "own",     "per",     "put",
    "quite",     "rather",    "really",   "same",    "say",        "says",    "see",     "seem",
    "seems",     "shall",     "she",      "should",  "shouldn't",  "since",   "some",    "someone",
    "something", "sometimes", "still",    "such",    "take",       "than",    "that",    "that's",
    "the",       "their",     "theirs",   "them",    "themselves", "then",    "there",   "there's",
    "these",     "they",      "they're",  "thing",   "things",     "this",    "those",   "though",
    "through",   "thus",      "too",      "toward",  "towards",    "under",   "until",   "upon",
    "use",       "used",      "using",    "very",    "want",       "was",     "wasn't",  "way",
    "were",      "weren't",   "what",     "when",    "where",      "whether", "which",   "while",
    "who",       "whom",      "whose",    "why",     "will",       "with",    "within",  "without",
    "won't",     "would",     "wouldn't", "yes",     "yet",        "you",     "you're",  "your",
    "yours",     "yourself"};

struct TermWord {
  std::string folded;
  std::size_t characters = 0;
  bool has_letter = false;
  bool after_blanks = false;  // nothing but blanks between it and the word before
};

bool joins_letters(char32_t code) { return code == '-' || code == '\'' || code == 0x2019; }

std::vector<TermWord> term_words(std::string_view text) {
  std::vector<TermWord> words;
  bool blanks_only = false, inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const text::CodePoint point = text::code_point_at(text, at);
    const std::size_t next = at + point.size;
    const bool joins = inside && joins_letters(point.code) && next < text.size() &&
                       text::is_word_character(text::code_point_at(text, next).code);
    if (joins || text::is_word_character(point.code)) {
      if (!inside) words.push_back({.folded = {}, .after_blanks = blanks_only});
      TermWord& word = words.back();
      text::append_utf8(word.folded, point.code == 0x2019 ? U'\'' : text::fold_case(point.code));
      ++word.characters;
      word.has_letter |= !joins && !text::is_number(point.code) && point.code != '_';
      inside = true;
      blanks_only = true;
    } else {
      inside = false;
      blanks_only = blanks_only && text::is_white_space(point.code);
    }
    at = next;
  }
  return words;
}

bool is_content(const TermWord& word) {
  return word.has_letter && word.characters >= kShortestContentWord &&
         !kFunctionWords.contains(word.folded);
}

// A term's own words stand one after the other in `words` from `at` on.
bool stands_at(const std::vector<TermWord>& term, const std::vector<TermWord>& words,
               std::size_t at) {
  if (at + term.size() > words.size()) return false;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (term[i].folded != words[at + i].folded || (i > 0 && !words[at + i].after_blanks))
      return false;
  }
  return true;
}

std::string spelled(const std::vector<TermWord>& term) {
  std::string text;
  for (const TermWord& word : term) text += (text.empty() ? "" : " ") + word.folded;
  return text;
}

std::vector<Term> in_order(std::map<std::string, std::vector<int>> found) {
  std::vector<Term> terms;
  for (auto& [text, members] : found) terms.push_back({text, std::move(members)});
  return terms;
}

}  // namespace

std::vector<Term> content_words(std::span<const std::string_view> texts) {
  std::map<std::string, std::vector<int>> found;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const TermWord& word : term_words(texts[i])) {
      if (!is_content(word)) continue;
      std::vector<int>& members = found[word.folded];
      if (members.empty() || members.back() != static_cast<int>(i))
        members.push_back(static_cast<int>(i));
    }
  }
  return in_order(std::move(found));
}

std::vector<Term> find_terms(std::span<const std::string> terms,
                             std::span<const std::string_view> texts) {
  std::map<std::string, std::vector<int>> found;
  // By its first word, so that a text is gone through once.
  std::map<std::string, std::vector<std::vector<TermWord>>> by_first;
  for (const std::string& term : terms) {
    std::vector<TermWord> words = term_words(term);
    if (words.empty() || !found.emplace(spelled(words), std::vector<int>()).second) continue;
    by_first[words.front().folded].push_back(std::move(words));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<TermWord> words = term_words(texts[i]);
    for (std::size_t at = 0; at < words.size(); ++at) {
      const auto candidates = by_first.find(words[at].folded);
      if (candidates == by_first.end()) continue;
      for (const std::vector<TermWord>& term : candidates->second) {
        if (!stands_at(term, words, at)) continue;
        std::vector<int>& members = found[spelled(term)];
        if (members.empty() || members.back() != static_cast<int>(i))
          members.push_back(static_cast<int>(i));
      }
    }
  }
  return in_order(std::move(found));
}

std::vector<std::string> parse_terms(std::string_view text) {
  std::vector<std::string> terms;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (base::is_blank(line)) continue;
    const auto refuse = [&](std::string_view why) {
      base::refuse(
          fmt::format("line {} of the terms {}; each line is one term of letters or "
                      "digits, at most {} bytes of UTF-8",
                      number, why, kLongestTerm));
    };
    if (line.size() > kLongestTerm) refuse(fmt::format("has {} bytes", line.size()));
    if (text::find_invalid_utf8(line)) refuse("is not UTF-8");
    const std::vector<TermWord> words = term_words(line);
    if (words.empty()) refuse("has neither a letter nor a digit");
    if (!std::all_of(words.begin() + 1, words.end(),
                     [](const TermWord& word) { return word.after_blanks; })) {
      refuse("has a sign between two words, where only blanks are looked for");  // as in mg/ml
    }
    if (terms.size() == kMostTerms) {
      base::refuse(fmt::format("there are more than {} terms: give fewer", kMostTerms));
    }
    terms.emplace_back(line);
  }
  if (terms.empty()) base::refuse("the file of terms holds none: write one on each line");
  return terms;
}

std::vector<std::string> read_terms(const std::filesystem::path& file) {
  return parse_terms(base::read_text_file(file, std::uint64_t{1} << 20U, ErrorCode::kUsage));
}

}  // namespace medgen::why
