// The instruction sets that some of the code is compiled for, and the one choice among them: the
// best that this machine has, or the one that MEDGEN_ISA names.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace medgen::base {

// Each contains those of its architecture before it: first x86-64's, then those of 64-bit Arm.
enum class InstructionSet : std::uint8_t {
  kScalar,
  kAvx2,
  kAvx512,
  kAvx512Vnni,
  kAmx,
  kNeon,
  kNeonDotprod,  // products of 4 bytes, summed
  kNeonI8mm      // products of 8-bit matrices
};

// As MEDGEN_ISA spells it.
std::string_view to_string(InstructionSet set);

// Those of the architecture that this is built for, kScalar first.
std::span<const InstructionSet> instruction_sets();

// Whether processor and operating system let this process use it. For AMX the first call asks Linux
// for the tiles' state, for the whole process. Thread-safe.
bool can_run(InstructionSet set);

// The set that MEDGEN_ISA names (scalar, avx2, avx512, amx; on Arm scalar, neon, neon_dotprod,
// neon_i8mm) or else the best one, but `most` at most, beyond which nothing is asked for. `avx512`
// is the one with VNNI where the processor has it. Throws Error(kUsage) for an unknown name, or one
// that this processor lacks. The variable is read at each call; keep the answer where speed counts.
InstructionSet choose_instruction_set(InstructionSet most);

// What was compiled for a set; null if this build lacks it.
template <class Code>
struct CodeFor {
  InstructionSet set;
  const Code* code;
};

// The last of `all` that the chosen set can run. `all`: in the order of sets, scalar code first.
template <class Code>
const Code& choose_code(std::span<const CodeFor<Code>> all) {
  const InstructionSet chosen = choose_instruction_set(all.back().set);
  const Code* best = all.front().code;
  for (const CodeFor<Code>& one : all) {
    if (one.code != nullptr && one.set <= chosen) best = one.code;
  }
  return *best;
}

// Those of `all` that this machine can run, in their order; for tests.
template <class Code>
std::vector<const Code*> runnable_code(std::span<const CodeFor<Code>> all) {
  std::vector<const Code*> runnable;
  for (const CodeFor<Code>& one : all) {
    if (one.code != nullptr && can_run(one.set)) runnable.push_back(one.code);
  }
  return runnable;
}

}  // namespace medgen::base
