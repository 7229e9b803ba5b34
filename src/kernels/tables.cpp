// See tables.h.
#include "kernels/tables.h"

#include "base/instruction_set.h"

namespace medgen::kernels {
namespace {

using base::InstructionSet;

// Not a constant: the tables are set up in other files.
struct Tables {
  const base::CodeFor<Kernels> all[8] = {{InstructionSet::kScalar, kScalarKernels},
                                         {InstructionSet::kAvx2, kAvx2Kernels},
                                         {InstructionSet::kAvx512, kAvx512Kernels},
                                         {InstructionSet::kAvx512Vnni, kAvx512VnniKernels},
                                         {InstructionSet::kAmx, kAmxKernels},
                                         {InstructionSet::kNeon, kNeonKernels},
                                         {InstructionSet::kNeonDotprod, kNeonDotprodKernels},
                                         {InstructionSet::kNeonI8mm, kNeonI8mmKernels}};
};

}  // namespace

KernelList all_kernels() {
  KernelList list{};
  for (const auto& [set, table] : Tables().all) {
    if (table != nullptr) list.tables[list.count++] = table;
  }
  return list;
}

bool can_run(const Kernels& kernels) {
  for (const auto& [set, table] : Tables().all) {
    if (table == &kernels) return base::can_run(set);
  }
  return false;
}

base::InstructionSet instruction_set_of(const Kernels& kernels) {
  for (const auto& [set, table] : Tables().all) {
    if (table == &kernels) return set;
  }
  return InstructionSet::kScalar;
}

const Kernels& choose_kernels() {
  const Tables tables;
  return base::choose_code<Kernels>(tables.all);
}

}  // namespace medgen::kernels
