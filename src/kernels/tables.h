// The tables of kernels in this build: which of them this process can run, and which is used.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace medgen::base {
enum class InstructionSet : std::uint8_t;
}

namespace medgen::kernels {

// Every table of this build, the definition first, each faster than the one before.
struct KernelList {
  const Kernels* tables[8];
  int count;
};
KernelList all_kernels();

// True if processor and operating system let this process run `kernels`. For AMX the first call
// asks Linux for the tiles' state, for the whole process. Thread-safe.
bool can_run(const Kernels& kernels);

// What `kernels`, a table of this build, was compiled for.
base::InstructionSet instruction_set_of(const Kernels& kernels);

// Those of base::choose_instruction_set(), which see.
const Kernels& choose_kernels();

}  // namespace medgen::kernels
