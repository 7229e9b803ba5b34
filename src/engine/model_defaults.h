// What a model sets for generating, and how it goes together with what a user asks for: the user
// first, then the model, then the defaults of params.h.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/settings.h"
#include "medgen/params.h"
#include "medgen/tokenizer.h"

namespace medgen::engine {

struct ModelDefaults {
  // By the names of settings, each allowed by itself; and do_sample, as the model's file says it.
  SettingsJson settings = SettingsJson::object();
  // What the model asks for and does not get, a sentence each.
  std::vector<std::string> notes = {};
};

// What of the model's holds beside `given`. As in transformers, filters hold only where something
// is drawn, and what is about beams only where there are beams.
SettingsJson in_force(const SettingsJson& given, const ModelDefaults& model);

// As make_settings(). What contradicts the model's settings is refused by naming those.
DecodingSettings settings_for(const SettingsJson& given, const ModelDefaults& model,
                              NameStyle style = NameStyle::kJson);

// Refuses what no model can make right, before any is opened.
void check_given(const SettingsJson& given, NameStyle style = NameStyle::kJson);

// Leaves out ids that end a text or are suppressed and that `tokenizer` lacks, for they never
// occur; and EOS, where it is the tokenizer's alone. Throws Error(kModel), beginning with `source`,
// for other ids that it lacks.
void fit_to_vocabulary(ModelDefaults& model, const Tokenizer& tokenizer, const std::string& source);

}  // namespace medgen::engine
