// The one loop over write().
#pragma once

#include <string_view>

namespace medgen::base {

// 0, or the errno of the call that failed. Waits for a descriptor that does not block.
[[nodiscard]] int write_all(int descriptor, std::string_view bytes);

}  // namespace medgen::base
