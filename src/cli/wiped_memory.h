// Memory that is given back holds what was in it until somebody else uses it: pieces of a text that
// nobody keeps any more. A session has it overwritten first.
#pragma once

namespace medgen::cli {

// From now on what C++ code gives back is overwritten, of the whole program. Not what C libraries
// allocate for themselves, what stands on stacks, nor the model's keys and values.
void wipe_freed_memory();

}  // namespace medgen::cli
