// The kernels for AVX-512 (F, BW, DQ, VL) without VNNI; see avx512.inl.
#include "kernels/activations.h"
#include "kernels/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#define MEDGEN_VNNI 0

namespace medgen::kernels {
namespace {

#include "kernels/avx512.inl"

ActivationFormat activation_format(int, bool) { return ActivationFormat::kInt16; }
void matmul_int8(const MatMul& job) { matmul_int16(job); }

constexpr Kernels kTable = table("avx512", activate_avx512);

}  // namespace

const Kernels* const kAvx512Kernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kAvx512Kernels = nullptr;
}

#endif
