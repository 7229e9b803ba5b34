// Which of the kernels this processor can run. Must not know of environment variables or errors.
#pragma once

#include "kernels/kernels.h"

namespace medgen::kernels {

// Every table of this build, the definition first, each faster than the one before.
struct KernelList {
  const Kernels* tables[5];
  int count;
};
KernelList all_kernels();

// True if processor and operating system let this process run `kernels`. For AMX the first call
// asks Linux for the tiles' state, for the whole process. Thread-safe.
bool can_run(const Kernels& kernels);

}  // namespace medgen::kernels
