// How every room refuses what it was asked for.
#pragma once

#include <string>

#include "medgen/error.h"

namespace medgen::base {

// Says what was given, what is allowed and what to do.
[[noreturn]] inline void refuse(const std::string& message) {
  throw Error(ErrorCode::kUsage, message);
}

}  // namespace medgen::base
