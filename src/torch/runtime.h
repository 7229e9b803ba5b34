// Settings of libtorch that hold for the whole process.
#pragma once

namespace medgen {

// Threads for tensor operations (0: the cores this process may use), and the plain interpreter for
// TorchScript: the profiling executor would recompile on new shapes in the middle of a run.
void prepare_runtime(int threads);

}  // namespace medgen
