// See the header.
#include "cli/options/argument_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "base/value_shown.h"

namespace medgen::cli {
namespace {

bool holds_blank(std::string_view word) { return word.find_first_of(" \t\r\n") != word.npos; }

const KnownOption* find_long(std::string_view given, const std::vector<KnownOption>& known) {
  std::string name(given);
  std::replace(name.begin() + 2, name.end(), '_', '-');
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& o) { return o.name == name; });
  return found == known.end() ? nullptr : &*found;
}

const KnownOption* find_letter(char letter, const std::vector<KnownOption>& known) {
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& o) { return o.letter == letter; });
  return found == known.end() ? nullptr : &*found;
}

// The option that was probably meant: the only one that begins so, or the nearest.
std::string meant_option(std::string_view word, const std::vector<KnownOption>& known) {
  std::string name(word.substr(0, word.find('=')));
  name.erase(0, name.find_first_not_of('-'));
  std::replace(name.begin(), name.end(), '_', '-');
  std::vector<std::string> names, beginning_so;
  for (const KnownOption& option : known) {
    names.push_back(option.name.substr(2));
    if (name.size() > 2 && names.back().starts_with(name)) beginning_so.push_back(names.back());
  }
  if (beginning_so.size() == 1) return "--" + beginning_so.front();
  const std::string near = base::nearest(name, names);
  return near.empty() ? "" : "--" + near;
}

// Only what is nearly an option is repeated: anything else may be a text.
std::string fault_of(std::string_view word, std::size_t place,
                     const std::vector<KnownOption>& known) {
  const std::string option = meant_option(word, known);
  if (!option.empty()) {
    return fmt::format(
        "unknown option {}; did you mean {}? A text that begins with a dash needs "
        "-- before it",
        word.substr(0, word.find('=')), option);
  }
  return fmt::format(
      "argument {} begins with a dash and is no option of this command: put -- before a text that "
      "begins with a dash, or see --help for the options",
      place);
}

class Sorter {
 public:
  Sorter(const std::vector<std::string>& words, const std::vector<KnownOption>& known)
      : words_(words), known_(known) {}

  SortedWords sorted() {
    while (at_ < words_.size()) take(words_[at_++]);
    return std::move(out_);
  }

 private:
  void take(const std::string& word) {
    if (word == "--") {
      out_.texts.insert(out_.texts.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_),
                        words_.end());
      at_ = words_.size();
    } else if (word.size() < 2 || word[0] != '-') {
      out_.texts.push_back(word);
    } else if (!(word[1] == '-' ? take_long(word) : take_letter(word))) {
      if (holds_blank(word)) {
        out_.texts.push_back(word);
      } else if (out_.fault.empty()) {
        out_.fault = fault_of(word, at_, known_);
      }
    }
  }

  bool take_long(const std::string& word) {
    const std::size_t equals = std::min(word.find('='), word.size());
    const KnownOption* option = find_long(word.substr(0, equals), known_);
    if (option == nullptr) return false;
    out_.options.push_back(option->name + word.substr(equals));
    if (equals == word.size()) take_value(*option);
    return true;
  }

  bool take_letter(const std::string& word) {
    const KnownOption* option = find_letter(word[1], known_);
    if (option == nullptr) return false;
    std::string rest = word.substr(2);
    if (rest.empty()) {
      out_.options.push_back(option->name);
      take_value(*option);
      return true;
    }
    if (!option->takes_value || holds_blank(word)) return false;
    if (rest.starts_with('=')) rest.erase(0, 1);
    if (option->number && !base::value_shown(rest).starts_with('"')) return false;
    out_.options.push_back(option->name);
    out_.options.push_back(rest);
    return true;
  }

  // The next word, whatever it is.
  void take_value(const KnownOption& option) {
    if (!option.takes_value || at_ == words_.size()) return;
    const std::string& value = words_[at_++];
    // What begins with a dash could be taken for an option once more.
    if (value.starts_with('-')) {
      out_.options.back() += "=" + value;
    } else {
      out_.options.push_back(value);
    }
  }

  const std::vector<std::string>& words_;
  const std::vector<KnownOption>& known_;
  std::size_t at_ = 0;
  SortedWords out_;
};

}  // namespace

SortedWords sort_words(const std::vector<std::string>& words,
                       const std::vector<KnownOption>& known) {
  return Sorter(words, known).sorted();
}

}  // namespace medgen::cli
