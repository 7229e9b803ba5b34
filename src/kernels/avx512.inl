// Vec and the int8 product for AVX-512; see generic.inl. The including file defines MEDGEN_VNNI as
// 1 if the processors it is for have VNNI.

struct Vec {
  __m512 v;
};

inline Vec zero() { return {_mm512_setzero_ps()}; }
inline Vec set1(float x) { return {_mm512_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec vmax(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Vec vabs(Vec a) { return {_mm512_abs_ps(a.v)}; }
inline Vec zero_below(Vec x, float bound, Vec v) {
  const __mmask16 below = _mm512_cmp_ps_mask(x.v, _mm512_set1_ps(bound), _CMP_LT_OQ);
  return {_mm512_mask_mov_ps(v.v, below, _mm512_setzero_ps())};
}
inline Vec select_negative(Vec sign, Vec negative, Vec other) {
  const __mmask16 minus = _mm512_movepi32_mask(_mm512_castps_si512(sign.v));
  return {_mm512_mask_mov_ps(other.v, minus, negative.v)};
}
inline Vec exp2_of(Vec shifted) {
  const __m512i exponent = _mm512_add_epi32(_mm512_castps_si512(shifted.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23))};
}
inline __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline Vec load_half(const std::uint16_t* p) { return {_mm512_cvtph_ps(load256(p))}; }
inline void store_half(std::uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline Vec load_bf16(const std::uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load256(p)), 16))};
}
inline __m512i load512(const void* p) { return _mm512_loadu_si512(p); }
inline Vec load_int32(const std::int32_t* p) { return {_mm512_cvtepi32_ps(load512(p))}; }
inline void store_int16(std::int16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(a.v)));
}
inline void store_uint8(std::uint8_t* p, Vec a) {
  const __m512i shifted = _mm512_add_epi32(_mm512_cvtps_epi32(a.v), _mm512_set1_epi32(128));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(shifted));
}
inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

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

// What a tile asks the caches for on its way: its share of the next panels' weights, `step` bytes of
// each for every 4 k. The processor's own prefetching stops at the end of every memory page. Into
// the second level where one tile is all: the first is too small for two sets of panels.
struct Ahead {
  const std::int8_t* weights;
  std::size_t step;
};

// R rows by P panels of 8-bit activations, 128 added to each; what that adds to a sum is taken away
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
  // Four steps of 4 k in one turn: k is a multiple of 64, and the compiler's copies of the sums and
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

// The rows that are left, fewer than a tile has at most, in a tile of their own.
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
