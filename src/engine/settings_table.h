// The rows of the table of settings, for settings.cpp alone: what a setting is called, what it may
// be, how it is read and written.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/settings.h"
#include "engine/steps.h"

namespace medgen::engine {

// What a number may be; `remedy` says what is usual or how to turn it off.
struct SettingRange {
  double low = 1, high = 0;  // low > high: not a number, nothing to check
  bool open_low = false, open_high = false;
  std::string_view remedy = {};
};

struct SettingEntry {
  SettingInfo info;
  SettingsJson (*get)(const DecodingSettings&);
  void (*set)(DecodingSettings&, const SettingsJson&, const std::string& name);
  SettingRange range = {};
  StepFunctions step = {};  // for a setting that turns a step on
};

const std::vector<SettingEntry>& settings_table();

}  // namespace medgen::engine
