// What medgen takes away from itself before it reads a file that somebody else wrote: a flaw in a
// reader should not open the rest of the machine. Knows nothing of commands and options.
#pragma once

#include <string>
#include <vector>

#include "safety/landlock.h"
#include "safety/system_calls.h"

namespace medgen::safety {

struct Confinement {
  std::vector<Rule> rules;
  // A graphics card's driver uses files and system calls that no list of ours covers: then only
  // TCP and executing files are forbidden.
  bool graphics_card = false;
  bool terminal = false;  // its modes may be changed, for editing lines
};

// From now on the process leaves no core and no debugger reads it. False where the system refuses.
bool forbid_core_dumps();

// What holds from now on.
struct Sandbox {
  bool process = false;       // no core dump, no debugger, no new privileges
  int landlock = 0;           // its version; 0 where it does not hold
  bool files = false;         // rules on files
  bool system_calls = false;  // a list of them
  bool code = false;          // none is added any more
  std::vector<std::string> missing;
};

// Takes what the kernel offers; `missing` says what it does not. For a process with one thread.
Sandbox enter_sandbox(const Confinement& confinement);

// What the list of system calls allowed only for the sake of loading ends: see forbid_new_code().
// Does nothing without such a list.
void finish_loading(Sandbox& sandbox, Writes writes);

}  // namespace medgen::safety
