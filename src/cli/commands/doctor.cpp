// `medgen doctor`: what the sandbox forbids on this machine, tried from inside.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "safety/attempts.h"

namespace medgen::cli {
namespace {

constexpr int kExitDoesNotHold = 1;

std::string row(const std::string& what, const std::string& found) {
  return fmt::format("{:<34}{}\n", what, found);
}

bool is_forbidden(const safety::Attempt& attempt, const safety::Sandbox& sandbox) {
  switch (attempt.keeper) {
    case safety::Keeper::kSystemCalls:
      return sandbox.system_calls;
    case safety::Keeper::kFiles:
      return sandbox.files;
    case safety::Keeper::kCode:
      return sandbox.code;
    case safety::Keeper::kEither:
      break;
  }
  return sandbox.system_calls || sandbox.landlock > 0;
}

std::string result_of(const safety::Attempt& attempt) {
  if (attempt.error == 0) return "succeeded";
  return (safety::was_denied(attempt) ? "denied: " : "failed: ") +
         std::system_category().message(attempt.error);
}

std::string parts_of(const safety::Sandbox& sandbox) {
  const auto state = [](bool holds) { return std::string(holds ? "active" : "not active"); };
  std::string text = row("no core dumps, no debugger", state(sandbox.process));
  text += row("files and TCP (Landlock)",
              state(sandbox.landlock > 0) +
                  (sandbox.landlock > 0 ? fmt::format(", version {}", sandbox.landlock) : ""));
  text += row("system calls (seccomp)", state(sandbox.system_calls));
  text += row("no new code once all is loaded", state(sandbox.code));
  text += row("with --device cuda",
              "no rules on files, no list of system calls (not tried with a graphics card)");
  for (const std::string& missing : sandbox.missing) text += row("missing", missing);
  return text;
}

}  // namespace

int doctor_command(const Arguments& words) {
  CommandLine line("medgen doctor",
                   "Says which parts of the sandbox hold on this machine, and tries what they "
                   "forbid. With --sandbox off the same attempts show what medgen could do "
                   "without it. The status is 1 when something succeeds that should not. Leaves "
                   "nothing behind.");
  line.parse(words);
  finish_loading(safety::Writes::kAsBefore);
  const safety::Sandbox& held = sandbox();
  std::string text = parts_of(held) + "\n";
  bool holds = true, all_denied = true;
  for (const safety::Attempt& attempt : safety::try_what_is_forbidden()) {
    const bool broken = is_forbidden(attempt, held) && !safety::was_denied(attempt);
    holds = holds && !broken;
    all_denied = all_denied && safety::was_denied(attempt);
    text += row(attempt.what, result_of(attempt) + (broken ? ", but it should be denied" : ""));
  }
  if (!holds) {
    text += "\nThe sandbox does not hold.\n";
  } else {
    text += all_denied     ? "\nEvery attempt was denied.\n"
            : held.process ? "\nWhat succeeded is forbidden by a part that is not active.\n"
                           : "\nThe sandbox is off.\n";
  }
  Output out(STDOUT_FILENO);
  out.write(text);
  out.flush();
  return holds ? kExitFine : kExitDoesNotHold;
}

}  // namespace medgen::cli
