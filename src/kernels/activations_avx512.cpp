// The activations for AVX-512. Compiled with its flags; see avx512.cpp.
#include "kernels/activations.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

namespace medgen::kernels {
namespace {

// In this order:
// clang-format off
#include "kernels/vec_avx512.inl"
#include "kernels/activations.inl"
// clang-format on

}  // namespace

void activate_avx512(Activation which, float* y, int n) { activate(which, y, n); }

}  // namespace medgen::kernels

#endif
