// AVX-512, VNNI and AMX intrinsics for a machine that has AVX2 only: SIMDe (libsimde-dev) where it
// knows them, else written out here, tiles included. For scripts/test_kernels_emulated, which
// includes it in place of <immintrin.h>.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <immintrin.h>
#include <simde/x86/avx512.h>

#include <cstdint>
#include <cstring>

namespace emulated {

using Integers = simde__m512i_private;
using Floats = simde__m512_private;

inline Integers parts(simde__m512i v) { return simde__m512i_to_private(v); }
inline Floats parts(simde__m512 v) { return simde__m512_to_private(v); }
inline __m128i low(__m256i v) { return _mm256_castsi256_si128(v); }
inline __m128i high(__m256i v) { return _mm256_extracti128_si256(v, 1); }

inline simde__m512 cvtph_ps(__m256i v) {
  Floats r;
  r.m256[0] = _mm256_cvtph_ps(low(v));
  r.m256[1] = _mm256_cvtph_ps(high(v));
  return simde__m512_from_private(r);
}
inline __m256i cvtps_ph(simde__m512 v) {
  const Floats p = parts(v);
  return _mm256_set_m128i(_mm256_cvtps_ph(p.m256[1], 0), _mm256_cvtps_ph(p.m256[0], 0));
}
inline simde__m512i cvtepu16_epi32(__m256i v) {
  Integers r;
  r.m256i[0] = _mm256_cvtepu16_epi32(low(v));
  r.m256i[1] = _mm256_cvtepu16_epi32(high(v));
  return simde__m512i_from_private(r);
}
inline simde__m512i madd_epi16(simde__m512i a, simde__m512i b) {
  const Integers x = parts(a);
  const Integers y = parts(b);
  Integers r;
  for (int i = 0; i < 2; ++i) r.m256i[i] = _mm256_madd_epi16(x.m256i[i], y.m256i[i]);
  return simde__m512i_from_private(r);
}
inline simde__m512 cvtepi32_ps(simde__m512i v) {
  const Integers p = parts(v);
  Floats r;
  for (int i = 0; i < 2; ++i) r.m256[i] = _mm256_cvtepi32_ps(p.m256i[i]);
  return simde__m512_from_private(r);
}
inline simde__m512i cvtps_epi32(simde__m512 v) {
  const Floats p = parts(v);
  Integers r;
  for (int i = 0; i < 2; ++i) r.m256i[i] = _mm256_cvtps_epi32(p.m256[i]);
  return simde__m512i_from_private(r);
}
inline __m256i cvtsepi32_epi16(simde__m512i v) {
  const Integers p = parts(v);
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(p.m256i[0], p.m256i[1]), 0xd8);
}
inline __m128i cvtepi32_epi8(simde__m512i v) {
  const Integers p = parts(v);
  std::uint8_t bytes[16];
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(p.i32[i]);
  __m128i r;
  std::memcpy(&r, bytes, 16);
  return r;
}

// Tiles, as the instructions' manual describes them.
struct Tile {
  std::uint8_t row[16][64];
};
inline thread_local Tile tiles[8];
inline thread_local std::uint8_t configuration[64];

inline int rows(int tile) { return configuration[48 + tile]; }
inline int row_bytes(int tile) {
  return configuration[16 + 2 * tile] | configuration[17 + 2 * tile] << 8;
}
inline void tile_loadconfig(const void* config) {
  std::memcpy(configuration, config, 64);
  std::memset(tiles, 0, sizeof tiles);
}
inline void tile_zero(int tile) { std::memset(&tiles[tile], 0, sizeof(Tile)); }
inline void tile_loadd(int tile, const void* base, std::size_t stride) {
  tile_zero(tile);
  for (int r = 0; r < rows(tile); ++r) {
    std::memcpy(tiles[tile].row[r],
                static_cast<const char*>(base) + static_cast<std::size_t>(r) * stride,
                static_cast<std::size_t>(row_bytes(tile)));
  }
}
inline void tile_stored(int tile, void* base, std::size_t stride) {
  for (int r = 0; r < rows(tile); ++r) {
    std::memcpy(static_cast<char*>(base) + static_cast<std::size_t>(r) * stride, tiles[tile].row[r],
                static_cast<std::size_t>(row_bytes(tile)));
  }
}
// sum[m][n] += products of 4 unsigned bytes of a[m] with 4 signed ones of b, for every k.
inline void tile_dpbusd(int sum, int a, int b) {
  for (int m = 0; m < rows(sum); ++m) {
    for (int n = 0; n < row_bytes(sum) / 4; ++n) {
      std::int32_t s;
      std::memcpy(&s, &tiles[sum].row[m][n * 4], 4);
      for (int k = 0; k < row_bytes(a); ++k) {
        s += tiles[a].row[m][k] * static_cast<std::int8_t>(tiles[b].row[k / 4][n * 4 + k % 4]);
      }
      std::memcpy(&tiles[sum].row[m][n * 4], &s, 4);
    }
  }
}

}  // namespace emulated

#undef _mm512_cvtps_epi32
#undef _mm512_cvtepi32_epi8
#undef _mm512_cvtsepi32_epi16
#undef _mm512_madd_epi16
#undef _mm512_cvtepu16_epi32
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbusd
#undef _tile_zero
#define _mm512_cvtph_ps(v) emulated::cvtph_ps(v)
#define _mm512_cvtps_ph(v, mode) emulated::cvtps_ph(v)
#define _mm512_cvtepu16_epi32(v) emulated::cvtepu16_epi32(v)
#define _mm512_madd_epi16(a, b) emulated::madd_epi16(a, b)
#define _mm512_cvtepi32_ps(v) emulated::cvtepi32_ps(v)
#define _mm512_cvtps_epi32(v) emulated::cvtps_epi32(v)
#define _mm512_cvtsepi32_epi16(v) emulated::cvtsepi32_epi16(v)
#define _mm512_cvtepi32_epi8(v) emulated::cvtepi32_epi8(v)
#define _tile_loadconfig emulated::tile_loadconfig
#define _tile_release() static_cast<void>(0)
#define _tile_zero emulated::tile_zero
#define _tile_loadd emulated::tile_loadd
#define _tile_stored emulated::tile_stored
#define _tile_dpbusd emulated::tile_dpbusd
