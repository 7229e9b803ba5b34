// The options that say how to decode, the same in every command that generates; made from the table
// of settings. No side effects here, and no knowledge of models or terminals.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/options/command_line.h"
#include "engine/settings.h"
#include "medgen/bundle.h"

namespace medgen::cli {

struct DecodingArguments {
  engine::SettingsJson given =
      engine::SettingsJson::object();  // by the settings' names: what the user said
  std::map<std::string, bool> flags;   // on or off; only those that are on count
  bool greedy = false;
};

// Every setting as --its-name, --greedy and -n besides.
void declare(CommandLine& line, DecodingArguments& arguments);

// What the user said, as the settings object that a row of a batch could hold.
engine::SettingsJson given_settings(const DecodingArguments& arguments);

// What a model's generation_config.json sets, over the defaults of params.h.
DecodingSettings defaults_of(const GenerationDefaults& model);

// The user's word first, then the model's generation_config.json, then the defaults of params.h.
// Throws Error(kUsage) for what is out of range or contradicts itself.
DecodingSettings resolve(const DecodingArguments& arguments, const GenerationDefaults& defaults);

}  // namespace medgen::cli
