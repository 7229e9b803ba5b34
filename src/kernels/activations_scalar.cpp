// The activations in plain C++, which define the others.
#include "kernels/activations.h"

namespace medgen::kernels {
namespace {

// In this order:
// clang-format off
#include "kernels/vec_scalar.inl"
#include "kernels/activations.inl"
// clang-format on

}  // namespace

void activate_scalar(Activation which, float* y, int n) { activate(which, y, n); }

}  // namespace medgen::kernels
