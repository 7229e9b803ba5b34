// For tests of what needs libtorch's module, which a build with -DMEDGEN_TORCH=OFF does not have.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "places.h"

namespace medgen {

inline bool has_torch_module() {
  return std::filesystem::exists(std::filesystem::path(MEDGEN_PROGRAM).parent_path() /
                                 "libmedgen_torch.so");
}

}  // namespace medgen

// Skips the test in which it stands; in a SetUp(), every test of the fixture.
#define MEDGEN_NEEDS_TORCH()          \
  if (::medgen::has_torch_module()) { \
  } else                              \
    GTEST_SKIP() << "needs libtorch's module, and medgen was built without it (MEDGEN_TORCH=OFF)"
