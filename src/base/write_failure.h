// Why something could not be written, and what to do about it.
#pragma once

#include <string>

namespace medgen::base {

// "No space left on device; free some space or choose another place", for an errno.
std::string write_failure(int error);

}  // namespace medgen::base
