// The version of this medgen.
#pragma once

#include <string_view>

#include "medgen/export.h"

namespace medgen {

// "0.2.0". Thread-safe.
MEDGEN_API std::string_view version();

}  // namespace medgen
