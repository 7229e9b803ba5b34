// Attention over cached pages, for rows that share some of them; see generic.inl. Reads them as
// cache.inl writes them.

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
  MEDGEN_UNROLL
  for (int p = 0; p < P; ++p) {
    MEDGEN_UNROLL
    for (int r = 0; r < R; ++r) sum[r][p] = zero();
    const std::byte* here = pages[page + p] + job.key_offset;
    keys[p] = reinterpret_cast<const Element*>(here);
    ahead[p] = reinterpret_cast<const Element*>(next.part(page + p, here));
  }
  for (int i = 0; i < job.head_size; ++i) {
    Vec key[P];
    MEDGEN_UNROLL
    for (int p = 0; p < P; ++p) {
      key[p] = load_cached(keys[p] + i * 16);
      __builtin_prefetch(ahead[p] + i * 16, 0, kLevel<R>);
    }
    MEDGEN_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec q = set1(queries[r * kMaxHeadSize + i]);
      MEDGEN_UNROLL
      for (int p = 0; p < P; ++p) sum[r][p] = fma(q, key[p], sum[r][p]);
    }
  }
  MEDGEN_UNROLL
  for (int r = 0; r < R; ++r) {
    MEDGEN_UNROLL
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
  MEDGEN_UNROLL
  for (int r = 0; r < R; ++r) {
    MEDGEN_UNROLL
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
      MEDGEN_UNROLL
      for (int w = 0; w < W; ++w) {
        value[w] = load_cached(values + row + w * 16);
        if constexpr (R == 1) __builtin_prefetch(ahead + row + w * 16, 0, kLevel<R>);
      }
      MEDGEN_UNROLL
      for (int r = 0; r < R; ++r) {
        const Vec weight = set1(weights[r * padded + position]);
        MEDGEN_UNROLL
        for (int w = 0; w < W; ++w) sum[r][w] = fma(weight, value[w], sum[r][w]);
      }
    }
  }
  MEDGEN_UNROLL
  for (int r = 0; r < R; ++r) {
    MEDGEN_UNROLL
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
