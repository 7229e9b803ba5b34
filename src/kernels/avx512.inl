// The int8 product for AVX-512; see generic.inl. The including file defines MEDGEN_VNNI as 1 if the
// processors it is for have VNNI.

#include "kernels/vec_avx512.inl"

constexpr int kMaxTile = 24;

void matmul_int8(const MatMul& job);
ActivationFormat activation_format(int rows, bool wide);

#include "kernels/generic.inl"

// sum + a b over pairs of neighbouring 16-bit products.
inline __m512i add_products(__m512i sum, __m512i a, __m512i b) {
#if MEDGEN_VNNI
  return _mm512_dpwssd_epi32(sum, a, b);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

// R rows by P panels of 16-bit activations. A step takes 4 k: the 64 weights of a panel are widened
// to two vectors of 8 columns.
template <int R, int P>
inline void int16_tile(const MatMul& job, int row, int panel) {
  const auto k = static_cast<std::size_t>(job.k);
  const std::int8_t* w =
      static_cast<const std::int8_t*>(job.weights) + static_cast<std::size_t>(panel) * k * 16;
  const std::int16_t* x =
      static_cast<const std::int16_t*>(job.x) + static_cast<std::size_t>(row) * k;
  __m512i sum[R][P][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[r][p][0] = sum[r][p][1] = _mm512_setzero_si512();
  }
  for (std::size_t i = 0; i < k; i += 4) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const std::int8_t* column = w + (static_cast<std::size_t>(p) * k + i) * 16;
      const __m512i low = _mm512_cvtepi8_epi16(load256(column));
      const __m512i high = _mm512_cvtepi8_epi16(load256(column + 32));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        long long four;
        __builtin_memcpy(&four, x + static_cast<std::size_t>(r) * k + i, 8);
        const __m512i value = _mm512_set1_epi64(four);
        sum[r][p][0] = add_products(sum[r][p][0], low, value);
        sum[r][p][1] = add_products(sum[r][p][1], high, value);
      }
    }
  }
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      std::int32_t sums[16];
      const __m512i first = _mm512_permutex2var_epi32(sum[r][p][0], even, sum[r][p][1]);
      const __m512i second = _mm512_permutex2var_epi32(sum[r][p][0], odd, sum[r][p][1]);
      _mm512_storeu_si512(sums, _mm512_add_epi32(first, second));
      finish_int8(job, row + r, (panel + p) * 16, sums);
    }
  }
}

template <int P>
inline void int16_panels(const MatMul& job, int panel) {
  int row = 0;
  for (; row + 4 <= job.rows; row += 4) int16_tile<4, P>(job, row, panel);
  for (; row + 2 <= job.rows; row += 2) int16_tile<2, P>(job, row, panel);
  for (; row < job.rows; ++row) int16_tile<1, P>(job, row, panel);
}

inline void matmul_int16(const MatMul& job) {
  int panel = job.panel_begin;
  for (; panel + 2 <= job.panel_end; panel += 2) int16_panels<2>(job, panel);
  for (; panel < job.panel_end; ++panel) int16_panels<1>(job, panel);
}

#if MEDGEN_VNNI

// What a tile prefetches on its way: its share of the next panels' weights, `step` bytes
// of each for every 4 k. The hardware prefetcher stops at the end of every memory page.
// Into the second level if there is only one tile: the first is too small for two sets of panels.
struct Ahead {
  const std::int8_t* weights;
  std::size_t step;
};

// R rows by P panels of 8-bit activations, 128 added to each; what that adds to a sum is subtracted
// at the end.
template <int R, int P, bool Once>
inline void uint8_tile(const MatMul& job, int row, int panel, Ahead& ahead) {
  const auto k = static_cast<std::size_t>(job.k);
  const std::int8_t* w =
      static_cast<const std::int8_t*>(job.weights) + static_cast<std::size_t>(panel) * k * 16;
  const std::uint8_t* x =
      static_cast<const std::uint8_t*>(job.x) + static_cast<std::size_t>(row) * k;
  __m512i sum[R][P];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[r][p] = _mm512_setzero_si512();
  }
  const std::int8_t* next = ahead.weights;
  const std::size_t step = ahead.step;
  // Four steps of 4 k per turn: k is a multiple of 64, and the compiler's copies of the sums and
  // addresses are made once for all four.
  for (std::size_t i = 0; i < k; i += 16) {
#pragma GCC unroll 4
    for (std::size_t j = i; j < i + 16; j += 4) {
      __m512i column[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        column[p] = load512(w + (static_cast<std::size_t>(p) * k + j) * 16);
        _mm_prefetch(next + static_cast<std::size_t>(p) * k * 16, Once ? _MM_HINT_T1 : _MM_HINT_T0);
      }
      next += step;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        int four;
        __builtin_memcpy(&four, x + static_cast<std::size_t>(r) * k + j, 4);
        const __m512i value = _mm512_set1_epi32(four);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], value, column[p]);
      }
    }
  }
  ahead.weights = next;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      std::int32_t sums[16];
      const __m512i extra = _mm512_slli_epi32(load512(job.column_sum + (panel + p) * 16), 7);
      _mm512_storeu_si512(sums, _mm512_sub_epi32(sum[r][p], extra));
      finish_int8(job, row + r, (panel + p) * 16, sums);
    }
  }
}

// The remaining rows, fewer than a full tile, in a tile of their own.
template <int R, int P, bool Once>
inline void uint8_rest(const MatMul& job, int row, int panel, Ahead& ahead) {
  if constexpr (R > 0) {
    if (job.rows - row == R) {
      uint8_tile<R, P, Once>(job, row, panel, ahead);
    } else {
      uint8_rest<R - 1, P, Once>(job, row, panel, ahead);
    }
  }
}

template <int P, int Rows>
inline void uint8_panels(const MatMul& job, int panel) {
  const auto tiles = static_cast<std::size_t>((job.rows + Rows - 1) / Rows);
  Ahead ahead{static_cast<const std::int8_t*>(job.weights) +
                  static_cast<std::size_t>(panel + P) * static_cast<std::size_t>(job.k) * 16,
              (64 + tiles - 1) / tiles};
  if (tiles == 1) {
    uint8_rest<Rows, P, true>(job, 0, panel, ahead);
    return;
  }
  int row = 0;
  for (; row + Rows <= job.rows; row += Rows) uint8_tile<Rows, P, false>(job, row, panel, ahead);
  uint8_rest<Rows - 1, P, false>(job, row, panel, ahead);
}

inline void matmul_uint8(const MatMul& job) {
  int panel = job.panel_begin;
  if (job.rows <= 4) {
    for (; panel + 4 <= job.panel_end; panel += 4) uint8_panels<4, 4>(job, panel);
  }
  for (; panel + 2 <= job.panel_end; panel += 2) uint8_panels<2, 8>(job, panel);
  for (; panel < job.panel_end; ++panel) uint8_panels<1, 8>(job, panel);
}

#endif
