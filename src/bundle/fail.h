// How this room says that a model cannot be used.
#pragma once

#include <string>

#include "medgen/error.h"

namespace medgen::bundle {

[[noreturn]] inline void fail(const std::string& message) {
  throw Error(ErrorCode::kModel, message);
}

}  // namespace medgen::bundle
