// The kernels for AVX-512 with VNNI; see avx512.inl.
#include "kernels/activations.h"
#include "kernels/kernels.h"

#if defined(__AVX512VNNI__)
#include <immintrin.h>

#define MEDGEN_VNNI 1

namespace medgen::kernels {
namespace {

#include "kernels/avx512.inl"

ActivationFormat activation_format(int, bool wide) {
  return wide ? ActivationFormat::kInt16 : ActivationFormat::kUint8;
}

void matmul_int8(const MatMul& job) {
  if (job.format == ActivationFormat::kUint8) {
    matmul_uint8(job);
  } else {
    matmul_int16(job);
  }
}

constexpr Kernels kTable = table("avx512_vnni", activate_avx512);

}  // namespace

const Kernels* const kAvx512VnniKernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kAvx512VnniKernels = nullptr;
}

#endif
