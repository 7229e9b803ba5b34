// Looks for texts that must not appear in text that arrives in pieces, whatever their case, and
// says where to go back to for another attempt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::text {

// What is wrong with such a text, to follow its name: " is empty; …". Empty if nothing is.
std::string never_say_fault(const std::string& text);

// Unicode's simple case folding.
char32_t fold_case(char32_t code);

// A text is found where it begins a word; with a * ahead of it, which is no part of it, anywhere.
// One that begins with a sign or a blank is found anywhere, too. A word is a run of word
// characters; the place to go back to is where the word begins in which the text begins, at most
// kLongestWord characters ahead of it. Places are bytes of the pieces taken together; those before
// the pieces are 0.
class NeverSay {
 public:
  static constexpr std::size_t kLongestWord = 64;

  // Texts without a fault. `before`: what precedes the pieces; its last reach() bytes are enough.
  explicit NeverSay(const std::vector<std::string>& texts);
  void begin_after(std::string_view before);
  std::size_t reach() const;

  // Takes the next piece, whole characters as Utf8Stream gives them. Once it completes a text: the
  // place to go back to. cut() must follow then.
  std::optional<std::size_t> push(std::string_view piece);

  // Forgets what was taken from `size` on, where a character begins.
  void cut(std::size_t size);

  // No text to come can lead back to a place before this one.
  std::size_t undecided() const;

 private:
  // Knuth, Morris, Pratt, as in StopMatcher, over folded characters.
  struct Pattern {
    std::u32string text;
    std::vector<std::uint32_t> fallback;
    bool anywhere = false;
  };
  struct Patterns {
    std::vector<Pattern> all;
    std::size_t longest = 0;    // characters
    bool inside_words = false;  // one of them can begin within a word
  };
  struct Character {
    char32_t folded = 0;
    bool in_word = false;
    std::size_t begin = 0;
    std::size_t word = 0;  // where its word begins; of a sign or a blank, its own place
  };

  bool feed(std::size_t pattern, char32_t folded);
  void take(char32_t code, std::size_t begin);
  bool begins_word(std::size_t character) const;
  bool may_begin(const Pattern& pattern, std::size_t character) const;
  std::size_t back_from(std::size_t character) const;

  std::shared_ptr<const Patterns> patterns_;
  std::vector<std::uint32_t> lengths_;  // of each pattern, what the text ends with
  std::vector<Character> characters_;
  std::size_t before_ = 0;  // how many of them precede the pieces
  std::size_t end_ = 0;
};

}  // namespace medgen::text
