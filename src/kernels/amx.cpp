// The kernels for AMX: AVX-512 with VNNI, and tiles for int8 products of many rows. A thread must
// have asked Linux for the tiles' state; see base/instruction_set.h.
#include "kernels/activations.h"
#include "kernels/kernels.h"

// clang 14 has a name of its own for the macro.
#if (defined(__AMX_INT8__) || defined(__AMXINT8__)) && defined(__AVX512VNNI__)
#include <immintrin.h>

#define MEDGEN_VNNI 1

namespace medgen::kernels {
namespace {

#include "kernels/avx512.inl"

// Below this a tile is too empty to be worth its configuration.
constexpr int kTileRows = 8;

ActivationFormat activation_format(int rows, bool wide) {
  if (!wide) return ActivationFormat::kUint8;
  return rows < kTileRows ? ActivationFormat::kInt16 : ActivationFormat::kUint8Planes;
}

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Sums of 32 (or 16) rows by 32 (or 16) columns of one plane of activations: tiles 0 to 3 are sums,
// 4 and 5 activations, 6 and 7 weights. sums: [2][2][16][16], by row block and panel.
template <int kRowBlocks, int kPanels>
inline void tile_products(const std::uint8_t* x, const std::int8_t* w, std::size_t k,
                          std::int32_t (*sums)[2][256]) {
  _tile_zero(0);
  if constexpr (kPanels == 2) _tile_zero(1);
  if constexpr (kRowBlocks == 2) _tile_zero(2);
  if constexpr (kRowBlocks == 2 && kPanels == 2) _tile_zero(3);
  for (std::size_t i = 0; i < k; i += 64) {
    _tile_loadd(6, w + i * 16, 64);
    if constexpr (kPanels == 2) _tile_loadd(7, w + (k + i) * 16, 64);
    _tile_loadd(4, x + i, k);
    _tile_dpbusd(0, 4, 6);
    if constexpr (kPanels == 2) _tile_dpbusd(1, 4, 7);
    if constexpr (kRowBlocks == 2) {
      _tile_loadd(5, x + 16 * k + i, k);
      _tile_dpbusd(2, 5, 6);
      if constexpr (kPanels == 2) _tile_dpbusd(3, 5, 7);
    }
  }
  _tile_stored(0, sums[0][0], 64);
  if constexpr (kPanels == 2) _tile_stored(1, sums[0][1], 64);
  if constexpr (kRowBlocks == 2) _tile_stored(2, sums[1][0], 64);
  if constexpr (kRowBlocks == 2 && kPanels == 2) _tile_stored(3, sums[1][1], 64);
}

// All of 16 kRowBlocks rows (those past job.rows are padding of x) by kPanels panels.
template <int kRowBlocks, int kPanels>
inline void tile_block(const MatMul& job, int row, int panel) {
  const auto k = static_cast<std::size_t>(job.k);
  const std::int8_t* w =
      static_cast<const std::int8_t*>(job.weights) + static_cast<std::size_t>(panel) * k * 16;
  const std::uint8_t* x =
      static_cast<const std::uint8_t*>(job.x) + static_cast<std::size_t>(row) * k;
  const bool planes = job.format == ActivationFormat::kUint8Planes;
  alignas(64) std::int32_t low[2][2][256];
  alignas(64) std::int32_t high[2][2][256];
  tile_products<kRowBlocks, kPanels>(x, w, k, low);
  if (planes) {
    const std::size_t rows =
        (static_cast<std::size_t>(job.rows) + kRowBlock - 1) / kRowBlock * kRowBlock;
    tile_products<kRowBlocks, kPanels>(x + rows * k, w, k, high);
  }
  for (int b = 0; b < kRowBlocks; ++b) {
    for (int p = 0; p < kPanels; ++p) {
      const __m512i column_sum = load512(job.column_sum + (panel + p) * 16);
      const __m512i extra = _mm512_slli_epi32(column_sum, planes ? 12 : 7);
      for (int r = 0; r < 16 && row + b * 16 + r < job.rows; ++r) {
        __m512i sum = load512(low[b][p] + r * 16);
        if (planes) sum = _mm512_add_epi32(sum, _mm512_slli_epi32(load512(high[b][p] + r * 16), 8));
        std::int32_t sums[16];
        _mm512_storeu_si512(sums, _mm512_sub_epi32(sum, extra));
        finish_int8(job, row + b * 16 + r, (panel + p) * 16, sums);
      }
    }
  }
}

template <int kPanels>
inline void tile_panels(const MatMul& job, int panel) {
  int row = 0;
  for (; row + 16 < job.rows; row += 32) tile_block<2, kPanels>(job, row, panel);
  if (row < job.rows) tile_block<1, kPanels>(job, row, panel);
}

void matmul_int8(const MatMul& job) {
  if (job.format == ActivationFormat::kInt16) return matmul_int16(job);
  if (job.format == ActivationFormat::kUint8 && job.rows < kTileRows) return matmul_uint8(job);
  const TileConfig config;
  _tile_loadconfig(&config);
  int panel = job.panel_begin;
  for (; panel + 2 <= job.panel_end; panel += 2) tile_panels<2>(job, panel);
  if (panel < job.panel_end) tile_panels<1>(job, panel);
  _tile_release();
}

constexpr Kernels kTable = table("amx", activate_avx512);

}  // namespace

const Kernels* const kAmxKernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kAmxKernels = nullptr;
}

#endif
