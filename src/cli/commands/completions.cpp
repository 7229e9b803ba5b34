// `medgen completions`: what a shell needs to complete command lines of medgen.
#include "cli/documents/completions.h"

#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"

namespace medgen::cli {

int completions_command(const Arguments& words) {
  std::optional<std::string> shell;
  CommandLine line(
      "medgen completions",
      "Prints a script with which a shell completes command lines of medgen: commands, options, "
      "the words that an option may be, settings, tasks, models and files. In bash: source "
      "<(medgen completions bash). In zsh, after compinit: source <(medgen completions zsh). In "
      "fish: medgen completions fish | source. The script runs no program but readlink, and says "
      "what this version of medgen takes.");
  line.positional(only("SHELL", {"bash", "zsh", "fish"}), shell, true, "bash, zsh or fish.");
  line.parse(words);
  finish_loading(safety::Writes::kNothing);
  const std::vector<CompletedCommand> commands = completed_commands();
  Output out(STDOUT_FILENO);
  out.write(*shell == "bash"  ? bash_completions(commands)
            : *shell == "zsh" ? zsh_completions(commands)
                              : fish_completions(commands));
  out.flush();
  return kExitFine;
}

}  // namespace medgen::cli
