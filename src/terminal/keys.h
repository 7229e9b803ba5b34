// What was typed, from the bytes that a terminal sends for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/utf8.h"

namespace medgen::terminal {

struct Key {
  enum class Kind {
    kText,     // `text`: one or more characters as typed
    kPaste,    // `text`: all that was pasted at once
    kControl,  // `letter`: Ctrl-A is 'A', the rub-out key '?'
    kAlt,      // `letter`: Alt-b is 'b'
    kNewline,  // Alt-Enter
    kEnter,
    kTab,
    kUp,
    kDown,
    kLeft,
    kRight,
    kWordLeft,
    kWordRight,
    kHome,
    kEnd,
    kDelete,
    kUnknown,  // a key that means nothing here
  };
  Kind kind = Kind::kUnknown;
  std::string text = {};
  char letter = '\0';

  bool operator==(const Key&) const = default;
};

// Text as it is taken from a terminal: newlines and tabs stay, other control characters are spelled
// out, so that no escape sequence means anything.
std::string cleaned_input(std::string_view bytes);

// Bytes go in as they arrive, whole keys come out. Text and what is pasted hold no control
// characters but newlines and tabs: others are spelled out, so that no escape sequence means
// anything.
class KeyReader {
 public:
  ~KeyReader() { forget(); }
  void push(std::string_view bytes) { bytes_ += bytes; }
  std::optional<Key> next();
  void forget();  // overwrites what has not come out

 private:
  std::optional<Key> after_escape();
  std::optional<Key> paste();
  Key text();
  void drop(std::size_t bytes);

  std::string bytes_;
  bool pasting_ = false;
};

}  // namespace medgen::terminal
