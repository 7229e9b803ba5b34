// The members of JSON's objects, looked through without making a value of the text.
#pragma once

#include <string_view>

namespace medgen::base {

// Whether an object of `text` names a member twice. Up to where it stops being JSON; false for text
// beyond the limits of base/json.h.
bool repeats_a_member(std::string_view text);

}  // namespace medgen::base
