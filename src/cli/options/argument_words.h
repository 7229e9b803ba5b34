// The words of a command line, sorted into options and texts before they are read: people type
// texts that begin with a dash. Knows nothing of what options mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::cli {

struct KnownOption {
  std::string name;          // "--top-k"
  char letter = 0;           // of a short form, 'n' for -n
  bool takes_value = false;  // a flag does not
  bool number = false;       // of what it takes
};

struct SortedWords {
  std::vector<std::string> options;  // with their values, names as they are declared
  std::vector<std::string> texts;    // in their order
  std::string fault;                 // what is wrong with the first word that is neither; or empty
};

// A word that begins with a dash is a text where it holds a blank and its beginning, up to a =, is
// no option. A letter is an option alone or with a number behind it, and with any text where it
// takes one. Underscores in names are dashes. Behind "--" every word is a text.
SortedWords sort_words(const std::vector<std::string>& words,
                       const std::vector<KnownOption>& known);

// A command's name that stands behind options, as in --quiet batch FILE: its place among `words`,
// which is where a text would be; 0 if there is none. `takes_value` is given "--seed" and the like.
template <class IsCommand, class TakesValue>
std::size_t place_of_command(const std::vector<std::string>& words, IsCommand is_command,
                             TakesValue takes_value) {
  std::size_t i = 0;
  while (i < words.size() && words[i].size() > 1 && words[i][0] == '-' && words[i] != "--") {
    if (words[i].substr(0, words[i].find('=')).find(' ') != std::string::npos) return 0;  // a text
    i += words[i].find('=') == std::string::npos && takes_value(words[i]) ? 2 : 1;
  }
  return i < words.size() && is_command(words[i]) ? i : 0;
}

}  // namespace medgen::cli
