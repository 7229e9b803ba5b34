// The int8 product with NEON's dot products (SDOT); see neon.inl. They multiply signed bytes, so
// 128 is taken from each byte of kUint8, and from the low bytes of kUint8Planes, whose high ones
// (0 to 31) stay. A row of two planes is two rows of bytes here: of R rows, line r is row r of the
// only plane or of the low one, line R + r that of the high one.

#include "kernels/neon.inl"

ActivationFormat activation_format(int, bool wide) {
  return wide ? ActivationFormat::kUint8Planes : ActivationFormat::kUint8;
}

// Flipping the upper bit takes 128 from an unsigned byte.
inline int8x16_t minus_128(uint8x16_t bytes) {
  return vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(128)));
}

inline std::size_t high_plane(const MatMul& job) {  // bytes from the low one
  const int rows = (job.rows + kRowBlock - 1) / kRowBlock * kRowBlock;
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(job.k);
}

// The lines' sums of a panel to outputs. With high bytes h and low bytes l of value + 4096,
// the sum of w value is that of w (256 h + (l - 128)), less (4096 - 128) times that of w.
template <int R, bool Planes>
inline void finish_lines(const MatMul& job, int row, int panel, std::int32_t (*sums)[16]) {
  for (int r = 0; r < R; ++r) {
    if constexpr (Planes) {
      for (int c = 0; c < 16; c += 4) {
        const int32x4_t high = vshlq_n_s32(vld1q_s32(sums[R + r] + c), 8);
        const int32x4_t sum = vaddq_s32(vld1q_s32(sums[r] + c), high);
        const int32x4_t column_sum = vld1q_s32(job.column_sum + panel * 16 + c);
        vst1q_s32(sums[r] + c, vmlsq_s32(sum, column_sum, vdupq_n_s32(4096 - 128)));
      }
    }
    finish_int8(job, row + r, panel * 16, sums[r]);
  }
}

// Adds the products of 4 k with a panel's 16 columns: word J of 16 bytes of each line.
template <int J, int L>
inline void dot_words(const std::int8_t* columns, const int8x16_t (&line)[L],
                      int32x4_t (&sum)[L][4]) {
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q) {
    const int8x16_t weights = vld1q_s8(columns + J * 64 + q * 16);
#pragma GCC unroll 8
    for (int l = 0; l < L; ++l) sum[l][q] = vdotq_laneq_s32(sum[l][q], weights, line[l], J);
  }
}

// R rows by P panels. A step takes 16 k, four by four.
template <int R, int P, bool Planes>
inline void dot_tile(const MatMul& job, int row, int panel) {
  constexpr int kLines = Planes ? 2 * R : R;
  const auto k = static_cast<std::size_t>(job.k);
  const std::uint8_t* x =
      static_cast<const std::uint8_t*>(job.x) + static_cast<std::size_t>(row) * k;
  const std::size_t high = high_plane(job);
  const std::int8_t* w = panel_weights(job, panel);
  int32x4_t sum[P][kLines][4];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
    for (int l = 0; l < kLines; ++l) {
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) sum[p][l][q] = vdupq_n_s32(0);
    }
  }
  for (std::size_t i = 0; i < k; i += 16) {
    int8x16_t line[kLines];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const std::uint8_t* place = x + static_cast<std::size_t>(r) * k + i;
      line[r] = minus_128(vld1q_u8(place));
      if constexpr (Planes) line[R + r] = vreinterpretq_s8_u8(vld1q_u8(place + high));
    }
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const std::int8_t* columns = w + (static_cast<std::size_t>(p) * k + i) * 16;
      dot_words<0>(columns, line, sum[p]);
      dot_words<1>(columns, line, sum[p]);
      dot_words<2>(columns, line, sum[p]);
      dot_words<3>(columns, line, sum[p]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    std::int32_t sums[kLines][16];
#pragma GCC unroll 8
    for (int l = 0; l < kLines; ++l) {
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) vst1q_s32(sums[l] + q * 4, sum[p][l][q]);
    }
    finish_lines<R, Planes>(job, row, panel + p, sums);
  }
}

// The rows from `row` on by one panel.
template <bool Planes>
inline void dot_rows(const MatMul& job, int row, int panel) {
  constexpr int kRows = Planes ? 2 : 4;
  for (; row + kRows <= job.rows; row += kRows) dot_tile<kRows, 1, Planes>(job, row, panel);
  if constexpr (!Planes) {
    for (; row + 2 <= job.rows; row += 2) dot_tile<2, 1, Planes>(job, row, panel);
  }
  for (; row < job.rows; ++row) dot_tile<1, 1, Planes>(job, row, panel);
}

// A single row by several panels at once, so that enough sums run side by side. Returns the first
// panel that is left.
template <bool Planes>
inline int dot_single_row(const MatMul& job) {
  constexpr int kPanels = Planes ? 2 : 4;
  int panel = job.panel_begin;
  for (; panel + kPanels <= job.panel_end; panel += kPanels) {
    dot_tile<1, kPanels, Planes>(job, 0, panel);
  }
  return panel;
}
