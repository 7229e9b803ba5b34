// A page of the manual as man(7) describes it, for groff and mandoc. Knows nothing of medgen.
#pragma once

#include <string>
#include <string_view>

namespace medgen::cli {

// Any text as roff shows it: no backslash, dot, dash or quote of it is a command or changes shape.
std::string roff_escaped(std::string_view text);
// The same in bold, as what is typed, and in italics, as what is put in for it.
std::string roff_bold(std::string_view text);
std::string roff_italic(std::string_view text);

class RoffPage {
 public:
  // `date` may be empty. `source` is the program with its version.
  RoffPage(std::string_view name, int section, std::string_view date, std::string_view source);

  void section(std::string_view title);
  void subsection(std::string_view title);
  // Prose. What stands in backticks, and options, are bold.
  void paragraph(std::string_view text);
  // `tag` is roff already, see roff_bold().
  void item(const std::string& tag, std::string_view text);
  // Roff already, in one paragraph.
  void line(const std::string& roff);
  // Lines as they are, indented.
  void code(std::string_view lines);

  const std::string& text() const { return text_; }

 private:
  void prose(std::string_view text);

  std::string text_;
  bool after_title_ = false;  // a paragraph needs no break there
};

}  // namespace medgen::cli
