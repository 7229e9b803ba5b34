// How rows spell settings: cells of a table, and the fields of OpenAI's form.
// Knows nothing of prompts or files, nor what a setting does.
#pragma once

#include <string>
#include <string_view>

#include "batch/row.h"

namespace medgen::batch {

// A CSV cell as the value of the setting `name`: what it is as JSON, for settings that are no
// texts.
Json setting_of_text(std::string_view name, const std::string& text);

// The name that a field of an OpenAI body has here; "" for one that asks for nothing; null for one
// that is not offered.
const char* openai_setting(std::string_view name, const Json& value);

}  // namespace medgen::batch
