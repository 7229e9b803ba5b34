// See the header.
#include "cli/options/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "cli/options/command_line.h"
#include "cli/options/option_words.h"

namespace medgen::cli {
namespace {

constexpr std::string_view kVariablePrefix = "MEDGEN_";
// Those that are no option, and those of medgen's scripts, which reach the program from there.
constexpr std::string_view kOwnVariables[] = {
    "MEDGEN_LOG",          "MEDGEN_PARSE_ONLY",   "MEDGEN_ISA",
    "MEDGEN_PROGRAM",      "MEDGEN_PARTITIONS",   "MEDGEN_CPUS",
    "MEDGEN_ROLE",         "MEDGEN_CHECK_JOBS",   "MEDGEN_CHECK_CACHE",
    "MEDGEN_KILLS_SEED",   "MEDGEN_OS_RELEASE",   "MEDGEN_SPARK_VENV",
    "MEDGEN_TRAIN_DEVICE", "MEDGEN_OUTPUTS_KEEP", "MEDGEN_OUTPUTS_REWRITE"};

bool is_own(std::string_view name) {
  return std::find(std::begin(kOwnVariables), std::end(kOwnVariables), name) !=
         std::end(kOwnVariables);
}

}  // namespace

std::string environment_name(std::string_view long_name) {
  std::string name(kVariablePrefix);
  for (const char c : long_name.substr(long_name.find_first_not_of('-'))) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

void note_unknown_variables(const Messages& messages) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string name(text.substr(0, equals));
    if (!name.starts_with(kVariablePrefix) || equals + 1 >= text.size() || is_own(name)) continue;
    std::string option = "--" + name.substr(kVariablePrefix.size());
    std::replace(option.begin(), option.end(), '_', '-');
    std::transform(option.begin(), option.end(), option.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (environment_name(option) == name && is_option(option)) continue;
    const std::string meant = base::nearest(option, all_options());
    messages.note("the environment variable " + name + " is not read: " +
                  (meant.empty() ? "no option has that name"
                                 : "did you mean " + environment_name(meant) + "?"));
  }
}

}  // namespace medgen::cli
