// The kernels for NEON alone, which every 64-bit Arm processor has. See neon.inl.
#include "kernels/activations.h"
#include "kernels/kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace medgen::kernels {
namespace {

#include "kernels/neon.inl"

ActivationFormat activation_format(int, bool) { return ActivationFormat::kInt16; }

// R rows by 4 Q columns, from quad `quad` of the panel on. A step takes 4 k: the weights of two
// columns are widened to 16 bits and multiplied with 4 activations; lane i of a column's sums takes
// every fourth k from i on.
template <int R, int Q>
inline void int16_quads(const std::int16_t* x, const std::int8_t* w, std::size_t k, int quad,
                        std::int32_t (*sums)[16]) {
  int32x4_t sum[R][4 * Q];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int c = 0; c < 4 * Q; ++c) sum[r][c] = vdupq_n_s32(0);
  }
  const std::int8_t* column = w + quad * 16;
  for (std::size_t i = 0; i < k; i += 4, column += 64) {
    int16x8_t four[R];  // the same 4 activations in both halves
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const int16x4_t once = vld1_s16(x + static_cast<std::size_t>(r) * k + i);
      four[r] = vcombine_s16(once, once);
    }
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      const int8x16_t bytes = vld1q_s8(column + q * 16);
      const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
      const int16x8_t high = vmovl_high_s8(bytes);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const int16x4_t half = vget_low_s16(four[r]);
        sum[r][4 * q] = vmlal_s16(sum[r][4 * q], vget_low_s16(low), half);
        sum[r][4 * q + 1] = vmlal_high_s16(sum[r][4 * q + 1], low, four[r]);
        sum[r][4 * q + 2] = vmlal_s16(sum[r][4 * q + 2], vget_low_s16(high), half);
        sum[r][4 * q + 3] = vmlal_high_s16(sum[r][4 * q + 3], high, four[r]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int q = 0; q < Q; ++q) {
      const int32x4_t* s = sum[r] + 4 * q;
      vst1q_s32(sums[r] + (quad + q) * 4,
                vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3])));
    }
  }
}

template <int R, int Q>
inline void int16_tile(const MatMul& job, int row, int panel) {
  const auto k = static_cast<std::size_t>(job.k);
  const std::int16_t* x =
      static_cast<const std::int16_t*>(job.x) + static_cast<std::size_t>(row) * k;
  std::int32_t sums[R][16];
  for (int quad = 0; quad < 4; quad += Q) {
    int16_quads<R, Q>(x, panel_weights(job, panel), k, quad, sums);
  }
  for (int r = 0; r < R; ++r) finish_int8(job, row + r, panel * 16, sums[r]);
}

void matmul_int8(const MatMul& job) {
  for (int panel = job.panel_begin; panel < job.panel_end; ++panel) {
    int row = 0;
    for (; row + 4 <= job.rows; row += 4) int16_tile<4, 1>(job, row, panel);
    for (; row + 2 <= job.rows; row += 2) int16_tile<2, 2>(job, row, panel);
    for (; row < job.rows; ++row) int16_tile<1, 4>(job, row, panel);
  }
}

constexpr Kernels kTable = table("neon", activate_neon);

}  // namespace

const Kernels* const kNeonKernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kNeonKernels = nullptr;
}

#endif
