// See the header.
#include "cli/arguments.h"

#include <cstring>

namespace medgen::cli {
namespace {

int argument_count = 0;
char** argument_words = nullptr;

}  // namespace

void remember_arguments(int argc, char** argv) {
  argument_count = argc;
  argument_words = argv;
}

void hide_argument(std::string_view value) {
  if (value.empty()) return;
  for (int i = 1; i < argument_count; ++i) {
    const std::string_view word(argument_words[i]);
    if (!word.ends_with(value)) continue;
    const std::size_t begin = word.size() - value.size();
    const bool behind_name = begin > 0 && word[0] == '-' && word[begin - 1] == '=';
    if (begin == 0 || behind_name) std::memset(argument_words[i] + begin, '*', value.size());
  }
}

}  // namespace medgen::cli
