// See the header.
#include "cli/options/help_text.h"

#include <sstream>

namespace medgen::cli {

std::string wrap(const std::string& text, std::size_t width) {
  std::istringstream words(text);
  std::string out;
  std::size_t column = 0;
  for (std::string word; words >> word; column += word.size()) {
    if (column > 0 && column + 1 + word.size() > width) {
      out += '\n';
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
  }
  return out;
}

const char* const kFooter =
    "Every option can also be set by the environment variable in square brackets; an option on "
    "the\n"
    "command line wins. A TEXT that begins with a dash needs -- before it, unless it has a "
    "blank.\n\n"
    "Exit status: 0 success, 1 runtime failure, 2 wrong usage, 3 unusable model or tokenizer,\n"
    "130 interrupted. When the reader of standard output goes away, medgen ends quietly with 0.";

}  // namespace medgen::cli
