// The options of one command. CLI11 reads the command line; missing values are looked up in the
// environment (MEDGEN_<OPTION>) and then in a configuration file, with one set of error messages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options/command_shape.h"

namespace medgen::cli {

// Thrown by parse() when the user asked for help; not an error.
struct HelpRequested {
  std::string text;
  CommandShape shape = {};  // of the command; empty where something else is shown
};

// Thrown by parse() in place of reading files and running, for scripts/check: the command line is
// fine.
struct ParsedOnly {};

class CommandLine {
 public:
  CommandLine(const std::string& command, const std::string& description);
  ~CommandLine();

  // Each adds an option; `names` as CLI11 writes them ("-n,--num-return-sequences"), `help` says
  // the default and the range. Targets must outlive parse() and keep their value when nothing sets
  // them.
  void number(const std::string& names, std::optional<float>& target, const std::string& help);
  void number(const std::string& names, std::optional<double>& target, const std::string& help);
  void number(const std::string& names, std::optional<int>& target, const std::string& help);
  void number(const std::string& names, std::optional<std::int64_t>& target,
              const std::string& help);
  void number(const std::string& names, std::optional<std::uint64_t>& target,
              const std::string& help);
  void text(const std::string& names, const Metavar& metavar, std::optional<std::string>& target,
            const std::string& help);
  void texts(const std::string& names, const Metavar& metavar,
             std::optional<std::vector<std::string>>& target, const std::string& help);
  void flag(const std::string& names, bool& target, const std::string& help);
  // For values of any other kind: `take` gets the option as the user knows it, and all its values.
  using Take = std::function<void(const std::string& what, const std::vector<std::string>& values)>;
  enum class Count { kOne, kMany };
  void values(const std::string& names, const Metavar& metavar, Take take, const std::string& help,
              Count count = Count::kOne);
  void choice(const std::string& names, const std::vector<std::string>& allowed,
              std::optional<std::string>& target, const std::string& help);

  // Positionals come only from the command line. One that is no place is a TEXT or of known words.
  void positional(const Metavar& metavar, std::optional<std::string>& target, bool required,
                  const std::string& help);

  // Any number of them; no other positional may follow.
  void positionals(const Metavar& metavar, std::optional<std::vector<std::string>>& target,
                   bool required, const std::string& help);

  // Setting one of the two leaves the other unset from a source of lower rank; both from one source
  // are an error. Long names; a positional by its name.
  void exclude(const std::string& first, const std::string& second);

  // Lines are edited on the terminal where `does` says so, once the options are read.
  void edits_lines(std::function<bool()> does);

  // Adds --config FILE.
  void config_file();

  // Adds --sandbox and --show-config, and enters the sandbox that the options ask for: what a
  // command reads and writes it does afterwards. Words on the command line that may be about a
  // patient are overwritten there. Throws Error(kUsage), HelpRequested, or ParsedOnly where
  // MEDGEN_PARSE_ONLY is 1. Messages never quote positionals.
  void parse(const std::vector<std::string>& arguments);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Strict number reading: the whole text, no blanks. Throws Error(kUsage) that names `what` and a
// value that is a number.
float parse_float(std::string_view what, std::string_view text);
double parse_double(std::string_view what, std::string_view text);
int parse_int(std::string_view what, std::string_view text);
std::int64_t parse_int64(std::string_view what, std::string_view text);
std::uint64_t parse_uint64(std::string_view what, std::string_view text);

// The environment variable of an option: "--top-k" -> "MEDGEN_TOP_K".
std::string environment_name(std::string_view long_name);

}  // namespace medgen::cli
