// Which terms continuations mention. In alphabetical order, always: nothing here ranks them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::why {

struct Term {
  std::string text;          // in lower case (Unicode's simple folding), one blank between words
  std::vector<int> members;  // places among the texts that mention it, however often
};

// The content words of the texts: runs of letters, digits, hyphens and apostrophes within a word,
// of three characters or more, with a letter, and none of the function words of English
// ("the", "with", "have", ...). Upper and lower case are one. Texts are UTF-8.
std::vector<Term> content_words(std::span<const std::string_view> texts);

// Each of `terms`, also those that no text mentions: whole words, whatever their case, with
// nothing but blanks between them. Terms that are the same in lower case are one.
std::vector<Term> find_terms(std::span<const std::string> terms,
                             std::span<const std::string_view> texts);

inline constexpr std::size_t kMostTerms = 10'000;
inline constexpr std::size_t kLongestTerm = 200;  // bytes

// A term on each line; blank lines are passed over. Throws Error(kUsage), with the line's number
// and not its words, for what is no term: not UTF-8, without a letter or digit, with a sign
// between its words, longer than kLongestTerm; and for more than kMostTerms or none.
std::vector<std::string> parse_terms(std::string_view text);

// Reads a file of at most 1 MiB. Throws what parse_terms() throws, and Error(kUsage) for a file
// that cannot be read.
std::vector<std::string> read_terms(const std::filesystem::path& file);

}  // namespace medgen::why
