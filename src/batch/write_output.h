// Writing rows to descriptors, with errors that say what to do.
#pragma once

#include <string>
#include <string_view>

namespace medgen::batch {

// Thrown when the reader of a pipe has gone.
struct ReaderGone {};

// Throw Error(kRuntime) naming `name` and the reason; write_output() may throw ReaderGone.
void write_output(int descriptor, std::string_view bytes, const std::string& name);
void flush_to_disk(int descriptor, const std::string& name);

}  // namespace medgen::batch
