// See row_loops.h. Each loop is written once, in vectors of eight lanes; the instruction sets
// differ in what the compiler may use for them.
#include "engine/row_loops.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/instruction_set.h"
#include "engine/fixed_exp.h"
#include "engine/fixed_math.h"

namespace medgen::engine {
namespace {

// Vectors are GCC's and clang's own extension, which they lower to what the target has. They live
// inside inlined functions only, so their ABI plays no role.
#pragma GCC diagnostic ignored "-Wpsabi"
#define MEDGEN_INLINE [[gnu::always_inline]] inline

constexpr std::size_t kLanes = 8;          // of a row of float32
constexpr std::size_t kHalf = kLanes / 2;  // in one vector of doubles: what AVX2 has
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(float))));
using Words = std::uint32_t __attribute__((vector_size(kLanes * sizeof(float))));
using HalfFloats = float __attribute__((vector_size(kHalf * sizeof(float))));
using Doubles = double __attribute__((vector_size(kHalf * sizeof(double))));
using Longs = std::uint64_t __attribute__((vector_size(kHalf * sizeof(double))));

template <class Vector, class T>
MEDGEN_INLINE Vector load(const T* x) {
  Vector vector;
  std::memcpy(&vector, x, sizeof vector);
  return vector;
}

// The steps of fixed_exp(), for values that need no clamping yet.
MEDGEN_INLINE Floats exp_of(Floats x) {
  constexpr float kShift = 0x1.8p23F;
  const Floats lowest = Floats{} + kFixedExpLowest;
  x = x < lowest ? lowest : x;
  const Floats shifted = x * 0x1.715476p0F + kShift;
  const Floats k = shifted - kShift;
  const Floats r = (x - k * 0x1.62e4p-1F) - k * 0x1.7f7d1cp-20F;
  Floats p = Floats{} + 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * reinterpret_cast<Floats>((reinterpret_cast<Words>(shifted) + 127U) << 23U);
}

// The steps of fixed_exp64(); below its range 0.
MEDGEN_INLINE Doubles exp_of(Doubles x) {
  constexpr double kShift = 0x1.8p52;
  const Doubles lowest = Doubles{} + kFixedExp64Lowest;
  const auto gone = x < lowest;
  x = gone ? lowest : x;
  const Doubles shifted = x * 0x1.71547652b82fep0 + kShift;
  const Doubles k = shifted - kShift;
  const Doubles r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;
  Doubles p = Doubles{} + 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  p = p * reinterpret_cast<Doubles>((reinterpret_cast<Longs>(shifted) + 1023U) << 52U);
  return gone ? Doubles{} : p;
}

// Eight running sums.
struct Sums {
  Doubles low{}, high{};

  MEDGEN_INLINE double total() const {  // lanes in order
    double total = 0;
    for (std::size_t lane = 0; lane < kHalf; ++lane) total += low[lane];
    for (std::size_t lane = 0; lane < kHalf; ++lane) total += high[lane];
    return total;
  }
};

struct Wide {
  Doubles low, high;
};

MEDGEN_INLINE Wide widen(Floats x) {
  HalfFloats halves[2];
  std::memcpy(halves, &x, sizeof x);
  return {__builtin_convertvector(halves[0], Doubles), __builtin_convertvector(halves[1], Doubles)};
}

MEDGEN_INLINE bool block_maxima_body(const float* x, std::size_t n, float* maxima) {
  Ints broken{};
  bool broken_tail = false;
  for (std::size_t i = 0; i < n; i += kRowBlock) {
    float highest = -kInfinity;
    if (i + kRowBlock <= n) {
      Floats best = Floats{} - kInfinity;
      for (std::size_t group = 0; group < kRowBlock; group += kLanes) {
        const auto value = load<Floats>(x + i + group);
        best = value > best ? value : best;
        broken |= value != value;  // NOLINT(misc-redundant-expression): true of NaN alone
      }
      for (std::size_t lane = 0; lane < kLanes; ++lane) highest = std::max(highest, best[lane]);
    } else {
      for (std::size_t j = i; j < n; ++j) {
        highest = std::max(highest, x[j]);
        broken_tail = broken_tail || x[j] != x[j];
      }
    }
    maxima[i / kRowBlock] = highest;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) broken_tail = broken_tail || broken[lane] != 0;
  return broken_tail;
}

// kScaled: also the sums of draw weights.
template <bool kScaled>
MEDGEN_INLINE double sums_body(const float* x, std::size_t n, float highest, float scale,
                               double* sums) {
  Sums raw;
  float tail[kRowBlock];
  for (std::size_t i = 0; i < n; i += kRowBlock) {
    const float* values = x + i;
    if (i + kRowBlock > n) {
      std::fill(std::begin(tail), std::end(tail), -kInfinity);
      std::copy(x + i, x + n, tail);
      values = tail;
    }
    Sums drawn;
    Floats here{};  // of a block; only then to double
    for (std::size_t group = 0; group < kRowBlock; group += kLanes) {
      const Floats difference = load<Floats>(values + group) - highest;
      here += exp_of(difference);
      if constexpr (kScaled) {
        const Wide w = widen(exp_of(difference * scale));
        drawn.low += (w.low + kWeightGrid) - kWeightGrid;
        drawn.high += (w.high + kWeightGrid) - kWeightGrid;
      }
    }
    const Wide block = widen(here);
    raw.low += block.low;
    raw.high += block.high;
    if constexpr (kScaled) sums[i / kRowBlock] = drawn.total();
  }
  return raw.total();
}

MEDGEN_INLINE double entropy_sums_body(const float* x, std::size_t n, float highest,
                                       double* weighted) {
  Sums raw, products;
  float tail[kRowBlock];
  for (std::size_t i = 0; i < n; i += kRowBlock) {
    const float* values = x + i;
    if (i + kRowBlock > n) {
      std::fill(std::begin(tail), std::end(tail), -kInfinity);
      std::copy(x + i, x + n, tail);
      values = tail;
    }
    Floats here{}, here_weighted{};  // of a block; only then to double
    for (std::size_t group = 0; group < kRowBlock; group += kLanes) {
      const Floats lowest = Floats{} + kFixedExpLowest;  // what -inf becomes: no weight
      Floats difference = load<Floats>(values + group) - highest;
      difference = difference < lowest ? lowest : difference;
      const Floats weight = exp_of(difference);
      here += weight;
      here_weighted += weight * difference;
    }
    const Wide block = widen(here), block_weighted = widen(here_weighted);
    raw.low += block.low;
    raw.high += block.high;
    products.low += block_weighted.low;
    products.high += block_weighted.high;
  }
  *weighted = products.total();
  return raw.total();
}

MEDGEN_INLINE double weigh_body(const double* x, std::size_t n, double highest, double scale,
                                double* weights) {
  Sums sums;
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Doubles low = exp_of((load<Doubles>(x + i) - highest) * scale);
    const Doubles high = exp_of((load<Doubles>(x + i + kHalf) - highest) * scale);
    sums.low += low;
    sums.high += high;
    std::memcpy(weights + i, &low, sizeof low);
    std::memcpy(weights + i + kHalf, &high, sizeof high);
  }
  double rest = 0;
  for (; i < n; ++i) {
    const double exponent = (x[i] - highest) * scale;
    weights[i] = exponent < kFixedExp64Lowest ? 0 : fixed_exp64(exponent);
    rest += weights[i];
  }
  return sums.total() + rest;
}

MEDGEN_INLINE double weighted_sum_body(const double* x, const double* w, std::size_t n,
                                       double highest, double scale) {
  Sums sums;
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    sums.low += load<Doubles>(w + i) * ((load<Doubles>(x + i) - highest) * scale);
    sums.high += load<Doubles>(w + i + kHalf) * ((load<Doubles>(x + i + kHalf) - highest) * scale);
  }
  double rest = 0;
  for (; i < n; ++i) rest += w[i] * ((x[i] - highest) * scale);
  return sums.total() + rest;
}

#define MEDGEN_ROW_LOOPS(NAME, TARGET)                                                          \
  TARGET bool block_maxima_##NAME(const float* x, std::size_t n, float* maxima) {               \
    return block_maxima_body(x, n, maxima);                                                     \
  }                                                                                             \
  TARGET double exp_sum_##NAME(const float* x, std::size_t n, float highest) {                  \
    return sums_body<false>(x, n, highest, 1, nullptr);                                         \
  }                                                                                             \
  TARGET double entropy_sums_##NAME(const float* x, std::size_t n, float highest,               \
                                    double* weighted) {                                         \
    return entropy_sums_body(x, n, highest, weighted);                                          \
  }                                                                                             \
  TARGET double draw_sums_##NAME(const float* x, std::size_t n, float highest, float scale,     \
                                 double* sums) {                                                \
    return sums_body<true>(x, n, highest, scale, sums);                                         \
  }                                                                                             \
  TARGET double weigh_##NAME(const double* x, std::size_t n, double highest, double scale,      \
                             double* weights) {                                                 \
    return weigh_body(x, n, highest, scale, weights);                                           \
  }                                                                                             \
  TARGET double weighted_sum_##NAME(const double* x, const double* w, std::size_t n,            \
                                    double highest, double scale) {                             \
    return weighted_sum_body(x, w, n, highest, scale);                                          \
  }                                                                                             \
  const RowLoops k_##NAME = {                                                                   \
      #NAME,        block_maxima_##NAME, exp_sum_##NAME, entropy_sums_##NAME, draw_sums_##NAME, \
      weigh_##NAME, weighted_sum_##NAME};

MEDGEN_ROW_LOOPS(scalar, )
#if defined(__x86_64__)
MEDGEN_ROW_LOOPS(avx2, __attribute__((target("avx2"))))
MEDGEN_ROW_LOOPS(avx512, __attribute__((target("avx512f,avx512dq,avx512vl"))))
#endif

using base::InstructionSet;
constexpr base::CodeFor<RowLoops> kLoops[] = {
    {InstructionSet::kScalar, &k_scalar},
#if defined(__x86_64__)
    {InstructionSet::kAvx2, &k_avx2},
    {InstructionSet::kAvx512, &k_avx512},
#endif
};

}  // namespace

std::vector<const RowLoops*> all_row_loops() { return base::runnable_code<RowLoops>(kLoops); }

const RowLoops& choose_row_loops() { return base::choose_code<RowLoops>(kLoops); }

const RowLoops& row_loops() {
  static const RowLoops& loops = choose_row_loops();
  return loops;
}

double log_total(const float* x, std::size_t n) {
  constexpr std::size_t kAtOnce = 64;  // blocks
  const RowLoops& loops = row_loops();
  float highest = -kInfinity;
  for (std::size_t i = 0; i < n; i += kAtOnce * kRowBlock) {
    float maxima[kAtOnce];
    const std::size_t count = std::min(n - i, kAtOnce * kRowBlock);
    if (loops.block_maxima(x + i, count, maxima)) return std::numeric_limits<double>::quiet_NaN();
    highest =
        std::max(highest, *std::max_element(maxima, maxima + (count + kRowBlock - 1) / kRowBlock));
  }
  if (!std::isfinite(highest)) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(highest) + fixed_log64(loops.exp_sum(x, n, highest));
}

double draw_weight(float x, float highest, float scale) {
  const float exponent = (x - highest) * scale;
  const float weight = fixed_exp(exponent < kFixedExpLowest ? kFixedExpLowest : exponent);
  return (static_cast<double>(weight) + kWeightGrid) - kWeightGrid;
}

}  // namespace medgen::engine
