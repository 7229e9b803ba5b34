// What a mistyped name may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::base {

// The name of `known` that is `name` but for dashes, underscores and capitals, or else that which
// is the fewest edits away; empty if none is close. Among equals the first.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

}  // namespace medgen::base
