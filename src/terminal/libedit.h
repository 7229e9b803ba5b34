// libedit as this room uses it: for its editing commands. What it would draw goes nowhere.
#pragma once

#include <histedit.h>
#include <locale.h>
#include <termios.h>

#include <cstdio>
#include <optional>
#include <string>

#include "base/descriptor.h"

namespace medgen::terminal {

// The thread's characters are Unicode while it lives, whatever the user's locale: libedit asks the
// locale what belongs to a word.
class UnicodeScope {
 public:
  explicit UnicodeScope(locale_t unicode);  // (locale_t)0 leaves everything as it is
  ~UnicodeScope();
  UnicodeScope(const UnicodeScope&) = delete;
  UnicodeScope& operator=(const UnicodeScope&) = delete;

 private:
  locale_t before_;
};

class Libedit {
 public:
  // A terminal; -1 twice to ask for sequence() alone.
  Libedit(int input, int output);
  ~Libedit();
  Libedit(const Libedit&) = delete;
  Libedit& operator=(const Libedit&) = delete;

  EditLine* get() const { return line_; }
  locale_t unicode() const { return unicode_; }
  // One of the terminal's sequences by its name of two letters (termcap); "" if there is none.
  std::string sequence(const char* name) const;

 private:
  int terminal_;
  bool modes_known_;
  termios modes_{};
  std::optional<base::Descriptor> input_;
  std::optional<base::Descriptor> output_;
  locale_t unicode_;
  std::FILE* nowhere_;
  EditLine* line_;
};

}  // namespace medgen::terminal
