// A fixture for tests that run on every table of kernels. One that this build or machine lacks is
// skipped by name.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace medgen::kernels {

// The tables by the names that MEDGEN_ISA knows.
inline const Kernels* table(const std::string& name) {
  const Kernels* const all[] = {kScalarKernels,      kAvx2Kernels,    kAvx512Kernels,
                                kAvx512VnniKernels,  kAmxKernels,     kNeonKernels,
                                kNeonDotprodKernels, kNeonI8mmKernels};
  for (const Kernels* kernels : all) {
    if (kernels != nullptr && name == kernels->name) return kernels;
  }
  return nullptr;
}

class EachTable : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    kernels_ = table(GetParam());
    if (kernels_ == nullptr || !can_run(*kernels_)) GTEST_SKIP() << "no " << GetParam() << " here";
  }
  const Kernels* kernels_ = nullptr;
};

inline const auto kTableNames = ::testing::Values("scalar", "avx2", "avx512", "avx512_vnni", "amx",
                                                  "neon", "neon_dotprod", "neon_i8mm");

}  // namespace medgen::kernels
