// The one loop over write(). Knows nothing of what is written, nor of what a failure means.
#pragma once

#include <string_view>

namespace medgen::base {

// 0, or the errno of the call that failed.
[[nodiscard]] int write_all(int descriptor, std::string_view bytes);

}  // namespace medgen::base
