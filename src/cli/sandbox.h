// The sandbox as a command line asks for it: what a command may touch follows from the places that
// its options name. How that is enforced is in safety.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "safety/sandbox.h"

namespace medgen::cli {

// What a command does with a place that an option names.
enum class Place {
  kNone,        // it is no place
  kInput,       // read
  kModel,       // read; packed weights are kept there
  kOutputFile,  // written, with what lies beside it while it is written
  kWorkFolder,  // read and written, made if need be
  kNewFolder,   // made beside its name, then moved there
};

struct NamedPlace {
  std::filesystem::path path;
  Place place = Place::kInput;
};

struct SandboxRequest {
  std::string mode = "on";  // or "off", or "require"
  std::vector<NamedPlace> places = {};
  bool default_model = false;  // it is used as Place::kModel
  bool graphics_card = false;
  bool quiet = false;
  bool terminal = false;  // lines are edited on it
};

// What the named places allow, besides system_rules().
std::vector<safety::Rule> rules_of(const std::vector<NamedPlace>& places);

// What every command reads: libraries, modules, the default model, facts about the machine.
std::vector<safety::Rule> system_rules();

// For the program itself: until this is called, enter_sandbox() does nothing, so that tests may
// read command lines.
void let_commands_enter_the_sandbox();

// Called once the command line is read. Throws Error(kRuntime) for "require" where something is
// missing.
void enter_sandbox(const SandboxRequest& request);

// Called by a command that has loaded its code and opened its files: from then on none is added to
// either, see safety::forbid_new_code(). Does nothing where libtorch computes, which makes code as
// it goes. Throws Error(kRuntime) for "require" where the system refuses.
void finish_loading(safety::Writes writes);

// What holds; nothing does outside the sandbox.
const safety::Sandbox& sandbox();

}  // namespace medgen::cli
