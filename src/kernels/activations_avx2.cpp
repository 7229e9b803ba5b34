// The activations for AVX2 with FMA and F16C. Compiled with these flags; see avx2.cpp.
#include "kernels/activations.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>

namespace medgen::kernels {
namespace {

// In this order:
// clang-format off
#include "kernels/vec_avx2.inl"
#include "kernels/activations.inl"
// clang-format on

}  // namespace

void activate_avx2(Activation which, float* y, int n) { activate(which, y, n); }

}  // namespace medgen::kernels

#endif
