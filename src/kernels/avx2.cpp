// The kernels for AVX2 with FMA and F16C. Compiled with these flags: only what needs them may be
// here, and nothing with external linkage but the table.
#include "kernels/activations.h"
#include "kernels/kernels.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <immintrin.h>

namespace medgen::kernels {
namespace {

#include "kernels/vec_avx2.inl"

constexpr int kMaxTile = 6;

void matmul_int8(const MatMul& job);

ActivationFormat activation_format(int, bool) { return ActivationFormat::kInt16; }

#include "kernels/generic.inl"

// Sums of two neighbouring int32 in each pair, for 8 columns.
inline __m256i add_pairs(__m256i columns_0145, __m256i columns_2367) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(columns_0145, columns_2367), 0b11011000);
}

// R rows by H halves (8 columns) of a panel. A step takes 4 k: 16 weights are widened to 16 bits
// and multiplied with 4 activations, repeated; neighbouring products are added by madd.
template <int R, int H>
inline void int8_tile(const MatMul& job, int row, int panel) {
  const auto k = static_cast<std::size_t>(job.k);
  const std::int8_t* w =
      static_cast<const std::int8_t*>(job.weights) + static_cast<std::size_t>(panel) * k * 16;
  const std::int16_t* x =
      static_cast<const std::int16_t*>(job.x) + static_cast<std::size_t>(row) * k;
  std::int32_t sums[R][16];
  for (int half = 0; half < 2; half += H) {
    __m256i sum[R][2 * H];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int q = 0; q < 2 * H; ++q) sum[r][q] = _mm256_setzero_si256();
    }
    const std::int8_t* column = w + half * 32;
    for (std::size_t i = 0; i < k; i += 4, column += 64) {
      __m256i wide[2 * H];
#pragma GCC unroll 4
      for (int q = 0; q < 2 * H; ++q) wide[q] = _mm256_cvtepi8_epi16(load128(column + q * 16));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        long long four;
        __builtin_memcpy(&four, x + static_cast<std::size_t>(r) * k + i, 8);
        const __m256i value = _mm256_set1_epi64x(four);
#pragma GCC unroll 4
        for (int q = 0; q < 2 * H; ++q) {
          sum[r][q] = _mm256_add_epi32(sum[r][q], _mm256_madd_epi16(wide[q], value));
          // Keeps g++ from computing all products first, for which there are not enough registers.
          asm volatile("" : "+x"(sum[r][q]));
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int h = 0; h < H; ++h) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[r] + (half + h) * 8),
                            add_pairs(sum[r][2 * h], sum[r][2 * h + 1]));
      }
    }
  }
  for (int r = 0; r < R; ++r) finish_int8(job, row + r, panel * 16, sums[r]);
}

void matmul_int8(const MatMul& job) {
  for (int panel = job.panel_begin; panel < job.panel_end; ++panel) {
    int row = 0;
    for (; row + 6 <= job.rows; row += 6) int8_tile<6, 1>(job, row, panel);
    switch (job.rows - row) {
      case 5:
        int8_tile<5, 1>(job, row, panel);
        break;
      case 4:
        int8_tile<4, 1>(job, row, panel);
        break;
      case 3:
        int8_tile<3, 1>(job, row, panel);
        break;
      case 2:
        int8_tile<2, 2>(job, row, panel);
        break;
      case 1:
        int8_tile<1, 2>(job, row, panel);
        break;
      default:
        break;
    }
  }
}

constexpr Kernels kTable = table("avx2", activate_avx2);

}  // namespace

const Kernels* const kAvx2Kernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kAvx2Kernels = nullptr;
}

#endif
