// What a command takes, as it was declared: what manual pages and completions are made from. Knows
// nothing of how command lines are read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/sandbox.h"

namespace medgen::cli {

// How a value is made of known words.
enum class WordUse {
  kNone,     // it is not
  kOnly,     // one of them, and nothing else
  kOffered,  // one of them, or something else
  kListed,   // several, with commas between them
  kAssigned  // one, an = and what it is given: "temperature=0.5"
};

// How help shows a value, and what is done with the place that it names. Options whose metavar
// sounds like a place (FILE, DIR, ...) and positionals other than TEXT have to say the latter.
struct Metavar {
  // NOLINTBEGIN(google-explicit-constructor): a text alone will do where a metavar is wanted
  Metavar(const char* shown) : name(shown) {}
  Metavar(std::string shown, Place what = Place::kNone) : name(std::move(shown)), place(what) {}
  // NOLINTEND(google-explicit-constructor)
  std::string name;
  Place place = Place::kNone;
  std::vector<std::string> words = {};
  WordUse use = WordUse::kNone;
};
inline Metavar reads(const char* name) { return {name, Place::kInput}; }
inline Metavar reads_model(const char* name) { return {name, Place::kModel}; }
inline Metavar writes_file(const char* name) { return {name, Place::kOutputFile}; }
inline Metavar works_in(const char* name) { return {name, Place::kWorkFolder}; }
inline Metavar makes_folder(const char* name) { return {name, Place::kNewFolder}; }
// Of known words. They are for completions; what else is refused is for the command to say.
Metavar only(const char* name, std::vector<std::string> words);
Metavar offers(const char* name, std::vector<std::string> words);
Metavar lists(const char* name, std::vector<std::string> words);
Metavar assigns(const char* name, std::vector<std::string> words);

struct OptionShape {
  std::string name = {};     // "--top-k", or "TEXT" for a positional
  char letter = 0;           // of a short form, 'n' for -n
  std::string metavar = {};  // of what takes a value, as help shows it
  std::string help = {};
  bool positional = false, required = false;
  bool flag = false;
  bool many = false;  // every value counts
  Place place = Place::kNone;
  std::vector<std::string> words = {};  // see WordUse
  WordUse use = WordUse::kNone;
  std::vector<std::string> excludes = {};  // names of options that do not go with it
};

struct CommandShape {
  std::string name;  // "medgen batch"
  std::string description;
  std::vector<OptionShape> options = {};  // in the order of help; positionals too
};

// `names` as CLI11 writes them, "-n,--num-return-sequences". Throws std::logic_error, a mistake in
// medgen that the first test of the command meets, for a place of which nothing is declared.
OptionShape option_shape(const std::string& names, const Metavar& metavar, const std::string& help);
OptionShape positional_shape(const Metavar& metavar, const std::string& help);

}  // namespace medgen::cli
