// See the header.
#include "safety/sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>
namespace medgen::safety {
namespace {

bool close_process() {
  return forbid_core_dumps() && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

}  // namespace

bool forbid_core_dumps() {
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

Sandbox enter_sandbox(const Confinement& confinement) {
  Sandbox sandbox;
  sandbox.process = close_process();
  if (!sandbox.process) sandbox.missing.emplace_back("no core dumps, debuggers or new privileges");
  const int version = landlock_version();
  for (std::string& feature : missing_from_landlock(version)) {
    sandbox.missing.push_back(std::move(feature));
  }
  if (version > 0) {
    const bool files = !confinement.graphics_card;
    const std::string failure = restrict_by_landlock(confinement.rules, files, version);
    if (failure.empty()) {
      sandbox.landlock = version;
      sandbox.files = files;
    } else {
      sandbox.missing.push_back("Landlock (" + failure + ")");
    }
  }
  if (confinement.graphics_card) {
    sandbox.missing.emplace_back("rules on files and system calls (not with CUDA)");
    return sandbox;
  }
  const std::string failure = restrict_system_calls(confinement.terminal);
  sandbox.system_calls = failure.empty();
  if (!failure.empty()) sandbox.missing.push_back("the list of system calls (" + failure + ")");
  return sandbox;
}

void finish_loading(Sandbox& sandbox, Writes writes) {
  if (!sandbox.system_calls) return;
  const std::string failure = forbid_new_code(writes);
  sandbox.code = failure.empty();
  if (!failure.empty()) sandbox.missing.push_back("no new code (" + failure + ")");
}

}  // namespace medgen::safety
