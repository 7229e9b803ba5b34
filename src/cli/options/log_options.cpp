// See the header.
#include "cli/options/log_options.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "base/refuse.h"
#include "base/value_shown.h"
#include "cli/logging.h"

namespace medgen::cli {
namespace {

// MEDGEN_LOG: as RUST_LOG and its like, for scripts that do not know the command line.
bool debug_by_environment() {
  const char* variable = std::getenv("MEDGEN_LOG");
  const std::string_view level = variable == nullptr ? "" : variable;
  if (level == "debug") return true;
  if (level.empty() || level == "info") return false;
  base::refuse(fmt::format("MEDGEN_LOG is {}; allowed are info and debug: leave it unset for info",
                           base::word_shown(level, {"info", "debug"})));
}

}  // namespace

void declare(CommandLine& line, LogArguments& a) {
  line.flag(
      "--verbose", a.verbose,
      "Also say on standard error what the engine does and how long it takes. MEDGEN_LOG=debug "
      "does the same.");
  line.text("--log-file", writes_file("FILE"), a.file,
            "Append every message to FILE, with its time, and those of --verbose. A prompt or a "
            "generated text is never logged.");
  line.choice("--log-format", {"text", "json"}, a.format,
              "Messages as text, or as one JSON object a line. Default: text.");
}

void start_log(const LogArguments& a, bool quiet) {
  LogOptions options;
  options.debug = (debug_by_environment() || a.verbose) && !quiet;
  options.json = a.format == "json";
  if (a.file) options.file = *a.file;
  start_log(options);
}

}  // namespace medgen::cli
