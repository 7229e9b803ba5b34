// The text on which a model's precisions are compared when a bundle has none of its own.
#pragma once

#include <string_view>

namespace medgen::bundle {

std::string_view default_probe_text();

}  // namespace medgen::bundle
