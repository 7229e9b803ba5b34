// How every room refuses what it was asked for.
#pragma once

#include <algorithm>
#include <string>

#include "medgen/error.h"

namespace medgen::base {

// Says what was given, what is allowed and what to do.
[[noreturn]] inline void refuse(const std::string& message) {
  throw Error(ErrorCode::kUsage, message);
}

// "top-k is -1; it must be at least 0: 0 turns it off", for a setting spelled with dashes or as in
// the API. `value` is never free text; `remedy` may be empty.
[[noreturn]] inline void refuse_value(const std::string& name, const std::string& value,
                                      const std::string& range, const std::string& remedy = "") {
  std::string setting = name;
  std::replace(setting.begin(), setting.end(), '-', '_');
  std::string problem = " is " + value + "; it must be " + range;
  if (!remedy.empty()) problem += ": " + remedy;
  throw SettingError(name, {setting, value, range, problem});
}

}  // namespace medgen::base
