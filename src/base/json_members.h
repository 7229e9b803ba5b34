// The members of JSON's objects, looked through before a value is made of the text.
#pragma once

#include <cstddef>
#include <string_view>

namespace medgen::base {

// Of one object. nlohmann's ordered objects look through all members for each that is added, so
// that more take time with their square.
inline constexpr std::size_t kMaxJsonMembers = 8192;

struct MemberFaults {
  bool twice = false;     // an object names a member twice
  bool too_many = false;  // an object has more than kMaxJsonMembers
};

// Of text up to where it stops being JSON; nothing of text beyond the limits of base/json.h.
MemberFaults member_faults(std::string_view text);

}  // namespace medgen::base
