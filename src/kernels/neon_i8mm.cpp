// The kernels for NEON with dot products, and products of 8-bit matrices (SMMLA) for many rows. See
// neon_dot.inl. Compiled with their flags.
#include "kernels/activations.h"
#include "kernels/kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD) && defined(__ARM_FEATURE_MATMUL_INT8)
#include <arm_neon.h>

namespace medgen::kernels {
namespace {

#include "kernels/neon_dot.inl"

// 8 bytes of each line of a pair: of two rows, or of the planes of one.
template <bool Planes>
inline int8x16_t load_pair(const std::uint8_t* x, std::size_t other) {
  const uint8x16_t bytes = vcombine_u8(vld1_u8(x), vld1_u8(x + other));
  return Planes ? vreinterpretq_s8_u8(veorq_u8(bytes, vcombine_u8(vdup_n_u8(128), vdup_n_u8(0))))
                : minus_128(bytes);
}

// N pairs of lines by the 8 columns that `w` begins with. A step takes 8 k: the words of two
// columns are brought together, and one instruction adds what a pair gives with both. first: line 0
// of a pair, `step` bytes after that of the pair before. sums: of line 0 and line 1 of each pair.
template <int N, bool Planes>
inline void matrix_columns(const std::uint8_t* first, std::size_t step, std::size_t other,
                           const std::int8_t* w, std::size_t k, std::int32_t* (*sums)[2]) {
  int32x4_t sum[N][4];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) sum[n][c] = vdupq_n_s32(0);
  }
  for (std::size_t i = 0; i < k; i += 8) {
    int8x16_t columns[4];
#pragma GCC unroll 2
    for (int q = 0; q < 2; ++q) {
      const int32x4_t low = vreinterpretq_s32_s8(vld1q_s8(w + i * 16 + q * 16));
      const int32x4_t high = vreinterpretq_s32_s8(vld1q_s8(w + i * 16 + 64 + q * 16));
      columns[2 * q] = vreinterpretq_s8_s32(vzip1q_s32(low, high));
      columns[2 * q + 1] = vreinterpretq_s8_s32(vzip2q_s32(low, high));
    }
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      const int8x16_t pair =
          load_pair<Planes>(first + static_cast<std::size_t>(n) * step + i, other);
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) sum[n][c] = vmmlaq_s32(sum[n][c], pair, columns[c]);
    }
  }
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
      vst1_s32(sums[n][0] + 2 * c, vget_low_s32(sum[n][c]));
      vst1_s32(sums[n][1] + 2 * c, vget_high_s32(sum[n][c]));
    }
  }
}

// N pairs of lines, which are 2 N rows of one plane or N of two, by one panel.
template <int N, bool Planes>
inline void matrix_tile(const MatMul& job, int row, int panel) {
  constexpr int kRows = Planes ? N : 2 * N;
  const auto k = static_cast<std::size_t>(job.k);
  const std::uint8_t* x =
      static_cast<const std::uint8_t*>(job.x) + static_cast<std::size_t>(row) * k;
  std::int32_t sums[2 * N][16];
  for (int half = 0; half < 2; ++half) {
    std::int32_t* places[N][2];
    for (int n = 0; n < N; ++n) {
      places[n][0] = sums[Planes ? n : 2 * n] + half * 8;
      places[n][1] = sums[Planes ? N + n : 2 * n + 1] + half * 8;
    }
    matrix_columns<N, Planes>(x, Planes ? k : 2 * k, Planes ? high_plane(job) : k,
                              panel_weights(job, panel) + half * 32, k, places);
  }
  finish_lines<kRows, Planes>(job, row, panel, sums);
}

template <bool Planes>
inline void matrix_panels(const MatMul& job) {
  constexpr int kRows = Planes ? 4 : 8;
  int panel = job.rows == 1 ? dot_single_row<Planes>(job) : job.panel_begin;
  for (; panel < job.panel_end; ++panel) {
    int row = 0;
    for (; row + kRows <= job.rows; row += kRows) matrix_tile<4, Planes>(job, row, panel);
    for (; row + kRows / 2 <= job.rows; row += kRows / 2) matrix_tile<2, Planes>(job, row, panel);
    dot_rows<Planes>(job, row, panel);
  }
}

void matmul_int8(const MatMul& job) {
  if (job.format == ActivationFormat::kUint8Planes) {
    matrix_panels<true>(job);
  } else {
    matrix_panels<false>(job);
  }
}

constexpr Kernels kTable = table("neon_i8mm", activate_neon);

}  // namespace

const Kernels* const kNeonI8mmKernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kNeonI8mmKernels = nullptr;
}

#endif
