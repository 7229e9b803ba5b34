// Float products and the epilogues of all products; see generic.inl.

// GELU in its tanh form (Hendrycks and Gimpel, "Gaussian error linear units", 2016): v (1 + tanh u)
// / 2 = v / (1 + e^(-2u)). The exponential is taken of -|2u|, so it cannot overflow.
inline Vec gelu_tanh(Vec v) {
  const Vec cube = mul(mul(v, v), v);
  const Vec u2 = mul(set1(1.5957691216057308F), add(v, mul(set1(0.044715F), cube)));
  const Vec e = exp_of_nonpositive(sub(zero(), vabs(u2)));
  const Vec positive = div(v, add(set1(1.0F), e));
  return select_negative(u2, mul(positive, e), positive);
}

inline void finish(const MatMul& job, int row, int column, Vec v) {
  if (job.bias != nullptr) v = add(v, load(job.bias + column));
  float* y = job.y + static_cast<std::size_t>(row) * job.y_stride + column;
  const int count = job.n - column;
  switch (job.epilogue) {
    case Epilogue::kStore:
      break;
    case Epilogue::kAdd:
      v = add(load_upto(y, count), v);
      break;
    case Epilogue::kGeluTanh:
      v = gelu_tanh(v);
      break;
    case Epilogue::kRelu:
      v = vmax(v, zero());
      break;
  }
  store_upto(y, v, count);
}

// The epilogue of an int8 product: sums of a row's 16 columns.
inline void finish_int8(const MatMul& job, int row, int column, const std::int32_t* sums) {
  const Vec scale = mul(set1(job.row_scale[row]), load(job.column_scale + column));
  finish(job, row, column, mul(load_int32(sums), scale));
}

template <typename Weight>
inline Vec load_weights(const Weight* w) {
  if constexpr (sizeof(Weight) == 2) {
    return load_bf16(w);
  } else {
    return load(w);
  }
}

// R rows by P panels: every output is one chain of fused multiply-adds over k.
template <int R, int P, typename Weight>
inline void float_tile(const MatMul& job, int row, int panel) {
  const auto k = static_cast<std::size_t>(job.k);
  const Weight* w =
      static_cast<const Weight*>(job.weights) + static_cast<std::size_t>(panel) * k * 16;
  const float* x = static_cast<const float*>(job.x) + static_cast<std::size_t>(row) * k;
  Vec sum[R][P];
  MEDGEN_UNROLL
  for (int r = 0; r < R; ++r) {
    MEDGEN_UNROLL
    for (int p = 0; p < P; ++p) sum[r][p] = zero();
  }
  for (std::size_t i = 0; i < k; ++i) {
    Vec column[P];
    MEDGEN_UNROLL
    for (int p = 0; p < P; ++p) {
      column[p] = load_weights(w + (static_cast<std::size_t>(p) * k + i) * 16);
    }
    MEDGEN_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec value = set1(x[static_cast<std::size_t>(r) * k + i]);
      MEDGEN_UNROLL
      for (int p = 0; p < P; ++p) sum[r][p] = fma(value, column[p], sum[r][p]);
    }
  }
  MEDGEN_UNROLL
  for (int r = 0; r < R; ++r) {
    MEDGEN_UNROLL
    for (int p = 0; p < P; ++p) finish(job, row + r, (panel + p) * 16, sum[r][p]);
  }
}

template <int R, int P, typename Weight>
inline void float_rows(const MatMul& job, int& row, int panel) {
  for (; row + R <= job.rows; row += R) float_tile<R, P, Weight>(job, row, panel);
}

// Widening bfloat16 takes extra registers, which are scarce.
template <typename Weight>
constexpr int kTile = sizeof(Weight) == 2 && kMaxTile < 12 ? kMaxTile - 1 : kMaxTile;

template <int P, typename Weight>
inline void float_panels(const MatMul& job, int panel) {
  constexpr int kMost = P == 1 ? kMaxTile : kTile<Weight> / P;  // rows of a tile
  int row = 0;
  if constexpr (kMost >= 6) float_rows<6, P, Weight>(job, row, panel);
  if constexpr (kMost >= 4) float_rows<4, P, Weight>(job, row, panel);
  if constexpr (kMost >= 3) float_rows<3, P, Weight>(job, row, panel);
  if constexpr (kMost >= 2) float_rows<2, P, Weight>(job, row, panel);
  float_rows<1, P, Weight>(job, row, panel);
}

template <typename Weight>
inline void matmul_float(const MatMul& job) {
  int panel = job.panel_begin;
  // Few rows: several panels at once, so that enough chains run side by side. Many: reuse the
  // panel.
  if (job.rows * 4 <= kMaxTile) {
    for (; panel + 4 <= job.panel_end; panel += 4) float_panels<4, Weight>(job, panel);
  }
  if (job.rows * 2 <= kTile<Weight> || kMaxTile >= 12) {
    for (; panel + 2 <= job.panel_end; panel += 2) float_panels<2, Weight>(job, panel);
  }
  for (; panel < job.panel_end; ++panel) float_panels<1, Weight>(job, panel);
}

void matmul(const MatMul& job) {
  switch (job.type) {
    case WeightType::kFloat32:
      matmul_float<float>(job);
      break;
    case WeightType::kBFloat16:
      matmul_float<std::uint16_t>(job);
      break;
    case WeightType::kInt8:
      matmul_int8(job);
      break;
  }
}
