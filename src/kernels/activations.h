// Kernels::activate for each vector width, in files of their own: next to the products they
// would change which functions the compiler inlines there. That for AVX-512 serves every table
// with it, that for NEON too.
#pragma once

#include "kernels/kernels.h"

namespace medgen::kernels {

void activate_scalar(Activation which, float* y, int n);
void activate_avx2(Activation which, float* y, int n);
void activate_avx512(Activation which, float* y, int n);
void activate_neon(Activation which, float* y, int n);

}  // namespace medgen::kernels
