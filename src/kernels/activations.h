// Kernels::activate for each vector width, in files of their own: next to the products they
// would change which functions the compiler inlines there. The last serves every table with
// AVX-512.
#pragma once

#include "kernels/kernels.h"

namespace medgen::kernels {

void activate_scalar(Activation which, float* y, int n);
void activate_avx2(Activation which, float* y, int n);
void activate_avx512(Activation which, float* y, int n);

}  // namespace medgen::kernels
