// Rows of OpenAI's batch form: {"custom_id", "method", "url", "body"}.
#pragma once

#include <string>
#include <vector>

#include "batch/row.h"

namespace medgen::batch {

// `spellings` of the object's members. Throws Refused.
void take_openai(const Json& object, const std::vector<std::string>& spellings, BatchRow& row);

// A line of this form that cannot be read is answered in it, under its custom_id if that can be
// found.
void answer_in_kind(const std::string& text, BatchRow& row);

}  // namespace medgen::batch
