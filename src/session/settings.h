// The settings of a session: those that it was started with, over them those that were set in it.
// By the one table of settings, so that names, ranges and messages are those of every command.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_defaults.h"
#include "engine/settings.h"

namespace medgen::session {

class Settings {
 public:
  Settings(engine::SettingsJson given, engine::ModelDefaults model);

  // "temperature" and "0.9"; dashes count as underscores. "default" takes back what was set here.
  // Throws Error(kUsage), and changes nothing then. No message repeats the value unless it is a
  // number.
  void set(std::string_view name, std::string_view value);

  // What a setting is and does, in a line.
  std::string explanation(std::string_view name) const;

  // The seed is 0 where none is given.
  DecodingSettings resolved() const;
  bool has_seed() const;

  struct Line {
    std::string name, value;
    std::string_view origin;  // "default", "of the model", "given at the start", "set here"
  };
  // Without `all`: what is not at its default, and those that everybody asks about.
  std::vector<Line> lines(bool all) const;

  // Settings that were set here and are texts.
  void forget_texts();

 private:
  Line line_of(const engine::SettingInfo& info, const engine::SettingsJson& values) const;

  engine::SettingsJson given_;
  engine::ModelDefaults model_;
  engine::SettingsJson here_ = engine::SettingsJson::object();
};

// "set max_new_tokens" of "set `max_new_tokens`": in a session a setting's name is what is typed.
std::string without_backticks(std::string_view message);

}  // namespace medgen::session
