// The options that say how to decode, the same in every command that generates; made from the table
// of settings.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/options/command_line.h"
#include "engine/model_defaults.h"
#include "engine/settings.h"

namespace medgen::cli {

struct DecodingArguments {
  engine::SettingsJson given =
      engine::SettingsJson::object();  // by the settings' names: what the user gave
  std::map<std::string, bool> flags;   // on or off; only those that are on count
  bool greedy = false;
};

// The settings as rows and grids name them: "top_k".
std::vector<std::string> setting_names();

// Every setting as --its-name, --greedy and -n besides. `continuations` is how many the command
// makes by default, if not those of params.h.
void declare(CommandLine& line, DecodingArguments& arguments,
             std::optional<int> continuations = {});

// The user's options, as a settings object like a batch row's.
engine::SettingsJson given_settings(const DecodingArguments& arguments);

// The user's options first, then the model's, then the defaults of params.h. Throws Error(kUsage)
// for options that are out of range or contradict each other.
DecodingSettings resolve(const DecodingArguments& arguments, const engine::ModelDefaults& model);

// Refuses what no model can make right, before any is opened.
void check(const DecodingArguments& arguments);

}  // namespace medgen::cli
