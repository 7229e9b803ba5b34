// Everything but the int8 product, once for all instruction sets, on a vector `Vec` of 16 floats
// that the including file defines. Lies in an anonymous namespace of each such file: a function
// that the linker could share between them might be compiled for a different processor. No
// standard containers or algorithms for the same reason.
//
// The including file has defined: struct Vec and, on it, zero, set1, load, store, add, sub, mul,
// div, fma (one rounding), vmax (the second where either is NaN), vabs, zero_below,
// select_negative, exp2_of, load_half, store_half, load_bf16, load_int32, store_int16, store_uint8
// and square_root; kMaxTile, how many Vec accumulators fit into the registers; matmul_int8() and
// activation_format().

#include "kernels/vec.inl"

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
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) sum[r][p] = zero();
  }
  for (std::size_t i = 0; i < k; ++i) {
    Vec column[P];
    for (int p = 0; p < P; ++p) {
      column[p] = load_weights(w + (static_cast<std::size_t>(p) * k + i) * 16);
    }
    for (int r = 0; r < R; ++r) {
      const Vec value = set1(x[static_cast<std::size_t>(r) * k + i]);
      for (int p = 0; p < P; ++p) sum[r][p] = fma(value, column[p], sum[r][p]);
    }
  }
  for (int r = 0; r < R; ++r) {
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

void layer_norm(const float* x, const float* weight, const float* bias, int n, float epsilon,
                float* y) {
  Vec sum = zero();
  for (int i = 0; i < n; i += 16) sum = add(sum, load_upto(x + i, n - i));
  const float mean = tree_sum(sum) / static_cast<float>(n);
  Vec squares = zero();
  int i = 0;
  for (; i + 16 <= n; i += 16) {
    const Vec d = sub(load(x + i), set1(mean));
    squares = add(squares, mul(d, d));
  }
  if (i < n) {
    float lane[16] = {};
    for (int j = 0; i + j < n; ++j) lane[j] = x[i + j] - mean;
    squares = add(squares, mul(load(lane), load(lane)));
  }
  const float variance = tree_sum(squares) / static_cast<float>(n);
  const float scale = 1.0F / square_root(variance + epsilon);
  for (i = 0; i < n; i += 16) {
    const Vec d = mul(sub(load_upto(x + i, n - i), set1(mean)), set1(scale));
    const Vec v = add(mul(d, load_upto(weight + i, n - i)), load_upto(bias + i, n - i));
    store_upto(y + i, v, n - i);
  }
}

float quantize(const float* x, const float* input_scale, int k, int k_padded, int q_max,
               ActivationFormat format, int row, int rows, void* out) {
  Vec largest = zero();
  Vec finite = zero();  // x * 0 is 0, or NaN if x is not finite
  for (int i = 0; i < k; i += 16) {
    const Vec v = mul(load_upto(x + i, k - i), load_upto(input_scale + i, k - i));
    largest = vmax(vabs(v), largest);
    finite = add(finite, mul(v, zero()));
  }
  const float most = lane_max(largest);
  const float broken = tree_sum(finite);
  const bool usable = most > 0 && broken == 0;
  // A row below about 1e-36 would overflow the inverse; it is treated as zero.
  const float inverse = usable ? static_cast<float>(q_max) / most : 0.0F;
  const Vec factor = set1(inverse <= kFloatMax ? inverse : 0.0F);
  const auto stride = static_cast<std::size_t>(k_padded);
  const Vec magic = set1(0x1.8p23F);  // adding and subtracting it rounds half to even
  for (int i = 0; i < k_padded; i += 16) {
    Vec q = zero();
    if (i < k && usable) {
      const Vec v = mul(load_upto(x + i, k - i), load_upto(input_scale + i, k - i));
      q = sub(add(mul(v, factor), magic), magic);
    }
    const std::size_t place = static_cast<std::size_t>(row) * stride + static_cast<std::size_t>(i);
    switch (format) {
      case ActivationFormat::kInt16:
        store_int16(static_cast<std::int16_t*>(out) + place, q);
        break;
      case ActivationFormat::kUint8:
        store_uint8(static_cast<std::uint8_t*>(out) + place, q);
        break;
      case ActivationFormat::kUint8Planes: {
        std::int16_t whole[16];
        store_int16(whole, q);
        std::uint8_t* low = static_cast<std::uint8_t*>(out) + place;
        std::uint8_t* high = low + static_cast<std::size_t>(rows) * stride;
        for (int j = 0; j < 16; ++j) {
          const int value = whole[j] + 4096;
          low[j] = static_cast<std::uint8_t>(value & 255);
          high[j] = static_cast<std::uint8_t>(value >> 8);
        }
        break;
      }
    }
  }
  if (broken != 0) return __builtin_nanf("");
  return inverse > 0 && inverse <= kFloatMax ? most / static_cast<float>(q_max) : 0.0F;
}

inline void put(float* place, float value) { *place = value; }
inline void put(std::uint16_t* place, float value) {
  float lane[16] = {value};
  std::uint16_t halves[16];
  store_half(halves, load(lane));
  *place = halves[0];
}

inline Vec load_cached(const float* x) { return load(x); }
inline Vec load_cached(const std::uint16_t* x) { return load_half(x); }

inline void store_cached(float* y, Vec v) { store(y, v); }
inline void store_cached(std::uint16_t* y, Vec v) { store_half(y, v); }

template <typename Element>
inline void store_one(const float* key, const float* value, int head_size, int position, void* keys,
                      void* values) {
  Element* column = static_cast<Element*>(keys) + position;
  const int padded = (head_size + 15) / 16 * 16;
  Element* row = static_cast<Element*>(values) + static_cast<std::ptrdiff_t>(position) * padded;
  for (int i = 0; i < head_size; i += 16) {
    const int count = head_size - i < 16 ? head_size - i : 16;
    Element lane[16];
    store_cached(lane, load_upto(key + i, count));
    for (int j = 0; j < count; ++j) column[static_cast<std::ptrdiff_t>(i + j) * 16] = lane[j];
    store_cached(row + i, load_upto(value + i, count));
  }
}

void store_key_value(CacheType type, const float* key, const float* value, int head_size,
                     int position, void* keys, void* values) {
  if (type == CacheType::kFloat16) {
    store_one<std::uint16_t>(key, value, head_size, position, keys, values);
  } else {
    store_one<float>(key, value, head_size, position, keys, values);
  }
}

// Prefetches what is read after the current pages: of each page the same part as is
// being read there. The hardware prefetcher would restart with every page. A single row
// mostly waits for memory, so into the second level then: the first has room for few requests
// at a time.
template <int R>
constexpr int kLevel = R == 1 ? 2 : 3;  // __builtin_prefetch's locality
struct Next {
  const std::byte* const* pages = nullptr;
  int end = 0;             // pages
  std::size_t offset = 0;  // bytes into a page

  // That of `page`; if there is none, `current`, which is already cached.
  const std::byte* part(int page, const std::byte* current) const {
    return page < end ? pages[page] + offset : current;
  }
};

// 16 scores of each of P pages for R rows; queries are already scaled.
template <int R, int P, typename Element>
inline void score_pages(const Attention& job, const std::byte* const* pages, int page,
                        const Next& next, const float* queries, float* scores, int padded) {
  Vec sum[R][P];
  const Element* keys[P];
  const Element* ahead[P];
  for (int p = 0; p < P; ++p) {
    for (int r = 0; r < R; ++r) sum[r][p] = zero();
    const std::byte* here = pages[page + p] + job.key_offset;
    keys[p] = reinterpret_cast<const Element*>(here);
    ahead[p] = reinterpret_cast<const Element*>(next.part(page + p, here));
  }
  for (int i = 0; i < job.head_size; ++i) {
    Vec key[P];
    for (int p = 0; p < P; ++p) {
      key[p] = load_cached(keys[p] + i * 16);
      __builtin_prefetch(ahead[p] + i * 16, 0, kLevel<R>);
    }
    for (int r = 0; r < R; ++r) {
      const Vec q = set1(queries[r * kMaxHeadSize + i]);
      for (int p = 0; p < P; ++p) sum[r][p] = fma(q, key[p], sum[r][p]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) store(scores + r * padded + (page + p) * 16, sum[r][p]);
  }
}

// The remaining pages, at most P, at once: parallel chains cost what one does.
template <int R, int P, typename Element>
inline void score_rest(const Attention& job, const std::byte* const* pages, int first, int end,
                       const Next& next, const float* queries, float* scores, int padded) {
  if constexpr (P > 0) {
    if (end - first == P) {
      score_pages<R, P, Element>(job, pages, first, next, queries, scores, padded);
    } else {
      score_rest<R, P - 1, Element>(job, pages, first, end, next, queries, scores, padded);
    }
  }
}

// How many vectors to process at once for R rows, so that their accumulators fit in the registers.
template <int R>
constexpr int kWide = R == 1 || kMaxTile >= R * 4 ? 4
                      : kMaxTile >= R * 2         ? 2
                                                  : 1;

// The scores of pages [first, end) for R rows that share them.
template <int R, typename Element>
inline void score(const Attention& job, const std::byte* const* pages, int first, int end,
                  const Next& next, const float* queries, float* scores, int padded) {
  int page = first;
  for (; page + kWide<R> <= end; page += kWide<R>) {
    score_pages<R, kWide<R>, Element>(job, pages, page, next, queries, scores, padded);
  }
  score_rest<R, kWide<R> - 1, Element>(job, pages, page, end, next, queries, scores, padded);
}

// Turns the scores of a row into e^(score - highest); returns 1 / their sum.
inline float weigh(float* scores, int positions) {
  const int end = (positions + 15) / 16 * 16;
  for (int i = positions; i < end; ++i) scores[i] = -kFloatMax;
  Vec highest = load(scores);
  for (int i = 16; i < end; i += 16) highest = vmax(highest, load(scores + i));
  const Vec most = set1(lane_max(highest));
  Vec sum = zero();
  for (int i = 0; i < end; i += 16) {
    const Vec weight = exp_of_nonpositive(sub(load(scores + i), most));
    store(scores + i, weight);
    sum = add(sum, weight);
  }
  return 1.0F / tree_sum(sum);
}

// Continues 16 W elements of the mixed values of R rows over positions [first, end), which they
// share: for each row a chain over its positions.
template <int R, int W, typename Element>
inline void mix_values(const Attention& job, const std::byte* const* pages, int first, int end,
                       const Next& next, const float* weights, int padded, int element,
                       float* mixed) {
  const int row_size = (job.head_size + 15) / 16 * 16;
  Vec sum[R][W];
  for (int r = 0; r < R; ++r) {
    for (int w = 0; w < W; ++w) sum[r][w] = load(mixed + r * kMaxHeadSize + w * 16);
  }
  for (int position = first; position < end;) {
    const std::byte* page = pages[position / 16] + job.value_offset;
    const auto* values = reinterpret_cast<const Element*>(page) + element;
    const auto* ahead = reinterpret_cast<const Element*>(next.part(position / 16, page)) + element;
    const int page_end = (position / 16 + 1) * 16;
    for (const int stop = page_end < end ? page_end : end; position < stop; ++position) {
      const int row = position % 16 * row_size;
      Vec value[W];
      for (int w = 0; w < W; ++w) {
        value[w] = load_cached(values + row + w * 16);
        if constexpr (R == 1) __builtin_prefetch(ahead + row + w * 16, 0, kLevel<R>);
      }
      for (int r = 0; r < R; ++r) {
        const Vec weight = set1(weights[r * padded + position]);
        for (int w = 0; w < W; ++w) sum[r][w] = fma(weight, value[w], sum[r][w]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int w = 0; w < W; ++w) store(mixed + r * kMaxHeadSize + w * 16, sum[r][w]);
  }
}

template <int R, typename Element>
inline void mix(const Attention& job, const std::byte* const* pages, int first, int end,
                const Next& next, const float* weights, int padded, float* mixed) {
  const int width = (job.head_size + 15) / 16;
  int w = 0;
  for (; w + kWide<R> <= width; w += kWide<R>) {
    mix_values<R, kWide<R>, Element>(job, pages, first, end, next, weights, padded, w * 16,
                                     mixed + w * 16);
  }
  for (; w < width; ++w) {
    mix_values<R, 1, Element>(job, pages, first, end, next, weights, padded, w * 16,
                              mixed + w * 16);
  }
}

inline int pages_of(const AttentionRow& row) { return (row.positions + 15) / 16; }

// R rows from `first` on. They share the cost of loading keys and values on the pages with
// which all begin; after that each continues alone. Positions beyond a row's own are never
// mixed in, not even times 0: they may hold anything.
template <int R, typename Element>
inline void attention_of(const Attention& job, int first) {
  const AttentionRow* rows = job.row + first;
  float queries[R * kMaxHeadSize];
  float mixed[R * kMaxHeadSize];
  const int head_padded = (job.head_size + 15) / 16 * 16;
  int longest = 0;
  int shared = pages_of(rows[0]);
  for (int r = 0; r < R; ++r) {
    const float* query = job.query + static_cast<std::size_t>(first + r) * job.query_stride;
    for (int i = 0; i < job.head_size; ++i) queries[r * kMaxHeadSize + i] = query[i] * job.scale;
    for (int i = 0; i < head_padded; i += 16) store(mixed + r * kMaxHeadSize + i, zero());
    const int pages = pages_of(rows[r]);
    longest = pages > longest ? pages : longest;
    shared = pages < shared ? pages : shared;
    int same = 0;
    while (same < shared && rows[r].pages[same] == rows[0].pages[same]) ++same;
    shared = same;
  }
  const int padded = longest * 16;
  // Every pass prefetches what the next one reads: the next row's keys, the values of the first,
  // the values of the next row, the keys of the row after all these.
  const auto next_of = [&](int row, std::size_t offset) {
    return row < job.rows ? Next{job.row[row].pages, pages_of(job.row[row]), offset} : Next{};
  };
  score<R, Element>(job, rows[0].pages, 0, shared, next_of(first, job.value_offset), queries,
                    job.scores, padded);
  int common = shared * 16;
  float scales[R];
  for (int r = 0; r < R; ++r) {
    float* scores = job.scores + r * padded;
    score<1, Element>(
        job, rows[r].pages, shared, pages_of(rows[r]),
        r + 1 < R ? next_of(first + r + 1, job.key_offset) : next_of(first, job.value_offset),
        queries + r * kMaxHeadSize, scores, padded);
    scales[r] = weigh(scores, rows[r].positions);
    common = rows[r].positions < common ? rows[r].positions : common;
  }
  mix<R, Element>(job, rows[0].pages, 0, common, next_of(first + R, job.key_offset), job.scores,
                  padded, mixed);
  for (int r = 0; r < R; ++r) {
    float* sums = mixed + r * kMaxHeadSize;
    mix<1, Element>(job, rows[r].pages, common, rows[r].positions,
                    next_of(first + r + 1, r + 1 < R ? job.value_offset : job.key_offset),
                    job.scores + r * padded, padded, sums);
    float* output = job.output + static_cast<std::size_t>(first + r) * job.output_stride;
    for (int i = 0; i < job.head_size; i += 16) {
      store_upto(output + i, mul(load(sums + i), set1(scales[r])), job.head_size - i);
    }
  }
}

// How many rows from `first` on begin with the same page.
inline int rows_together(const Attention& job, int first) {
  int end = first + 1;
  while (end < job.rows && end - first < kAttentionRows &&
         job.row[end].pages[0] == job.row[first].pages[0]) {
    ++end;
  }
  return end - first;
}

// R rows together if that many begin with the same page, else fewer.
template <int R, typename Element>
inline int attention_from(const Attention& job, int row, int together) {
  if constexpr (R > 1) {
    if (together < R) return attention_from<R / 2, Element>(job, row, together);
  }
  attention_of<R, Element>(job, row);
  return R;
}

template <typename Element>
inline void attention_rows(const Attention& job) {
  for (int row = 0; row < job.rows;) {
    row += attention_from<kAttentionRows, Element>(job, row, rows_together(job, row));
  }
}

void attention(const Attention& job) {
  if (job.cache == CacheType::kFloat16) {
    attention_rows<std::uint16_t>(job);
  } else {
    attention_rows<float>(job);
  }
}

void embed(const void* token, const void* position, bool half, int n, float* y) {
  for (int i = 0; i < n; i += 16) {
    Vec e;
    Vec p;
    if (half) {
      std::uint16_t lanes[2][16] = {};
      const int count = n - i < 16 ? n - i : 16;
      for (int j = 0; j < count; ++j) {
        lanes[0][j] = static_cast<const std::uint16_t*>(token)[i + j];
        lanes[1][j] = static_cast<const std::uint16_t*>(position)[i + j];
      }
      e = load_half(lanes[0]);
      p = load_half(lanes[1]);
    } else {
      e = load_upto(static_cast<const float*>(token) + i, n - i);
      p = load_upto(static_cast<const float*>(position) + i, n - i);
    }
    store_upto(y + i, add(e, p), n - i);
  }
}

constexpr Kernels table(const char* name, void (*activate)(Activation, float*, int)) {
  return {name,      matmul, activation_format, layer_norm, quantize, store_key_value,
          attention, embed,  activate};
}
