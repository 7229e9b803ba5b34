// transformers' generation_config.json, key by key: what medgen does with each, and how a file's
// settings are read. docs/MODELS.md lists the same keys; a test holds the two together.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_defaults.h"

namespace medgen::engine {

enum class KeyUse {
  kSetting,  // a default of medgen's
  kNothing,  // changes no text
  kNotDone,  // changes texts in transformers and not here: named where it asks for something
};

struct GenerationKey {
  std::string_view name;
  KeyUse use = KeyUse::kSetting;
  std::string_view setting = {};  // medgen's name, where it is another
  // JSON, a list: the values that ask for nothing besides null, and first transformers' default.
  std::string_view idle = "[]";
  std::string_view what = {};  // kNotDone: what it asks for
};

// Of transformers 4.46 and 5, in the order of the document.
const std::vector<GenerationKey>& generation_keys();

// `object` is what a generation_config.json holds. null leaves a setting open. Throws Error(kModel)
// that begins with `source` and names the key, for a value that is not allowed.
ModelDefaults read_generation_config(const SettingsJson& object, const std::string& source);

// The same for text. Throws Error(kModel) if it is no JSON object.
ModelDefaults parse_generation_config(std::string_view text, const std::string& source);

// The keys for generating that a config.json holds, as releases before 4.24 wrote them there: those
// whose values are not transformers' defaults, and EOS where there are several.
SettingsJson generation_keys_of(const SettingsJson& config);

}  // namespace medgen::engine
