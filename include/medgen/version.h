// The version of this medgen.
#pragma once

#include <string_view>

#include "medgen/export.h"

namespace medgen {

// Three numbers with dots between them. Thread-safe.
MEDGEN_API std::string_view version();

}  // namespace medgen
