// Writing rows to descriptors, with errors that say what to do.
#pragma once

#include <string>
#include <string_view>

namespace medgen::batch {

// Thrown when the reader of a pipe has gone.
struct ReaderGone {};

// What is left of the work when the disk is full.
enum class Kept { kNothing, kFinishedRows };

// Throw Error(kRuntime) naming `name` and the reason; write_output() may throw ReaderGone.
void write_output(int descriptor, std::string_view bytes, const std::string& name, Kept kept);
void flush_to_disk(int descriptor, const std::string& name, Kept kept);

}  // namespace medgen::batch
