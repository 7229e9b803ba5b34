// `medgen session`: texts are typed one after the other, and continued in several ways.
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/session_run.h"

namespace medgen::cli {

int session_command(const Arguments& words) {
  SessionArguments arguments;
  CommandLine line("medgen session",
                   "Reads texts that you type, continues each in several ways, and goes on from "
                   "there: /help in it lists the commands. Texts are kept in memory alone, and "
                   "overwritten when they are forgotten. This is also what medgen does on a "
                   "terminal when it is given no text.");
  declare(line, arguments);
  line.parse(words);
  return run_session(arguments);
}

}  // namespace medgen::cli
