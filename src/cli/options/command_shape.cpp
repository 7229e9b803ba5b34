// See the header.
#include "cli/options/command_shape.h"

#include <stdexcept>

namespace medgen::cli {
namespace {

bool sounds_like_place(const std::string& metavar) {
  for (const char* word : {"FILE", "DIR", "FOLDER", "PATH", "PLACE"}) {
    if (metavar.find(word) != std::string::npos) return true;
  }
  return false;
}

[[noreturn]] void fail_undeclared(const std::string& name) {
  throw std::logic_error(name + " names a place: declare what is done with it (reads(), ...)");
}

Metavar of_words(const char* name, std::vector<std::string> words, WordUse use) {
  Metavar metavar(name);
  metavar.words = std::move(words);
  metavar.use = use;
  return metavar;
}

OptionShape shape_from(const Metavar& metavar, const std::string& help) {
  OptionShape shape;
  shape.metavar = metavar.name;
  shape.help = help;
  shape.place = metavar.place;
  shape.words = metavar.words;
  shape.use = metavar.use;
  return shape;
}

}  // namespace

Metavar only(const char* name, std::vector<std::string> words) {
  return of_words(name, std::move(words), WordUse::kOnly);
}
Metavar offers(const char* name, std::vector<std::string> words) {
  return of_words(name, std::move(words), WordUse::kOffered);
}
Metavar lists(const char* name, std::vector<std::string> words) {
  return of_words(name, std::move(words), WordUse::kListed);
}
Metavar assigns(const char* name, std::vector<std::string> words) {
  return of_words(name, std::move(words), WordUse::kAssigned);
}

OptionShape option_shape(const std::string& names, const Metavar& metavar,
                         const std::string& help) {
  OptionShape shape = shape_from(metavar, help);
  shape.name = names.substr(names.rfind("--"));
  if (names[1] != '-') shape.letter = names[1];
  if (metavar.place == Place::kNone && sounds_like_place(metavar.name)) fail_undeclared(shape.name);
  return shape;
}

OptionShape positional_shape(const Metavar& metavar, const std::string& help) {
  OptionShape shape = shape_from(metavar, help);
  shape.name = metavar.name;
  shape.positional = true;
  const bool known = metavar.name == "TEXT" || !metavar.words.empty();
  if (metavar.place == Place::kNone && !known) fail_undeclared(shape.name);
  return shape;
}

}  // namespace medgen::cli
