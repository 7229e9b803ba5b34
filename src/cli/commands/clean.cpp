// `medgen clean`: removes journals and what killed runs left.
#include "jobs/clean.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"

namespace medgen::cli {
namespace {

using jobs::Remain;
using jobs::RemainKind;

std::string_view what(RemainKind kind) {
  switch (kind) {
    case RemainKind::kLeftover:
      return "left by a run that was killed";
    case RemainKind::kFinishedJournal:
      return "journal of a finished batch";
    case RemainKind::kUnfinishedJournal:
      return "journal of an unfinished batch";
    case RemainKind::kConvertedModel:
      return "converted from a Hugging Face folder";
  }
  return "";
}

bool agreed() {
  Messages::plain("Remove these? [y/N]");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes" || answer == "Y";
}

}  // namespace

int clean_command(const Arguments& words) {
  std::optional<std::string> folder;
  bool yes = false;
  bool unfinished = false;
  CommandLine line("medgen clean",
                   "Removes what medgen left in a folder: journals of finished batches, and files "
                   "and folders that a "
                   "killed run was writing. Lists them and asks first. Without its journal a "
                   "finished batch can no "
                   "longer be merged with other shards, nor its failed rows retried.");
  line.positional(works_in("FOLDER"), folder, true,
                  "Where to look; folders in it are not searched.");
  line.flag("--unfinished", unfinished,
            "Journals of unfinished batches too. They may hold texts; without them these jobs "
            "start over.");
  line.flag("--yes", yes, "Remove without asking.");
  line.parse(words);
  finish_loading(safety::Writes::kAsBefore);

  std::vector<Remain> remains = jobs::find_remains(*folder);
  if (!unfinished) {
    std::erase_if(remains,
                  [](const Remain& r) { return r.kind == RemainKind::kUnfinishedJournal; });
  }
  const Messages messages;
  if (remains.empty()) {
    messages.note("nothing to remove");
    return kExitFine;
  }
  Output output(STDOUT_FILENO);
  for (const Remain& remain : remains) {
    output.write(visible(remain.path.string()) + "  (" + std::string(what(remain.kind)) + ")\n");
  }
  output.flush();
  if (!yes && !is_terminal(STDIN_FILENO)) {
    messages.note("nothing was removed: standard input is not a terminal to ask on; give --yes");
    return kExitFine;
  }
  if (!yes && !agreed()) {
    messages.note("nothing was removed");
    return kExitFine;
  }
  for (const Remain& remain : remains) jobs::remove_remain(remain);
  messages.note(fmt::format("removed {}", remains.size()));
  return kExitFine;
}

}  // namespace medgen::cli
