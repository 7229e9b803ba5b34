// The activations for NEON, which serve every table with it.
#include "kernels/activations.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace medgen::kernels {
namespace {

// In this order:
// clang-format off
#include "kernels/vec_neon.inl"
#include "kernels/activations.inl"
// clang-format on

}  // namespace

void activate_neon(Activation which, float* y, int n) { activate(which, y, n); }

}  // namespace medgen::kernels

#endif
