// Writing to descriptors, with errors that say what to do.
// Knows nothing of what is written.
#pragma once

#include <string>
#include <string_view>

namespace medgen::base {

// Thrown when the reader of a pipe has gone.
struct ReaderGone {};

// Throw Error(kRuntime) naming `name` and the reason; write_all() may throw ReaderGone.
void write_all(int descriptor, std::string_view bytes, const std::string& name);
void flush_to_disk(int descriptor, const std::string& name);

}  // namespace medgen::base
