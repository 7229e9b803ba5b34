// How rows spell settings: cells of a table, and the fields of OpenAI's form.
#pragma once

#include <string>
#include <string_view>

#include "batch/row.h"

namespace medgen::batch {

// A CSV cell as the value of the setting `name`: parsed as JSON, for settings that are not
// texts.
Json setting_of_text(std::string_view name, const std::string& text);

// Throws Error(kUsage) for a number that nobody means, such as a temperature of 138: what a row
// says may be a measurement.
void check_ceilings(const Json& settings);

// Our name for a field of an OpenAI body; "" for one with no effect; null for one
// that is not supported.
const char* openai_setting(std::string_view name, const Json& value);

}  // namespace medgen::batch
