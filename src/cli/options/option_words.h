// What users call a setting. The library's messages name it in backticks, `top_k`; whoever typed
// the command knows --top-k, or the variable or the line of a file that set it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/error.h"

namespace medgen::cli {

// Puts the option in place of each name in backticks that `is_option` knows: "`top_k`" becomes
// "--top-k". `is_option` is given "--top-k". Anything else stays as it is.
std::string with_flags(std::string_view text,
                       const std::function<bool(std::string_view option)>& is_option);

// The same for the options of this program: those of the command that runs, and where a name is
// none of them, those of all other commands.
std::string with_flags(std::string_view text);

// The message of an error, beginning with the place that set the value, if that was not the command
// line. Names in backticks stay.
std::string message_of(const Error& error);

// For CommandLine: the long options of a command that reads its command line, and those among them
// that take a value.
void remember_options(const std::vector<std::string>& options,
                      const std::vector<std::string>& with_value = {});
// For CommandLine: `option` was set by `place`, such as "the environment variable MEDGEN_TOP_K".
void remember_place(const std::string& option, const std::string& place);

// Whether any command has the option, "--top-k".
bool is_option(std::string_view option);
// Whether the option of some command takes a value.
bool option_takes_value(std::string_view option);
std::vector<std::string> all_options();

// For run(): makes every command declare its options. Called at most once, when a message names an
// option of another command.
void set_declare_all(std::function<void()> declare_all);

}  // namespace medgen::cli
