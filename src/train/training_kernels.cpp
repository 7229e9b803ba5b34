// Loops of training. Each is written once and compiled for several instruction sets. Sums run in
// eight lanes, so all instruction sets add in one order.
#include "train/training_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/instruction_set.h"

// Vectors live inside inlined functions only, so their ABI plays no role.
#pragma GCC diagnostic ignored "-Wpsabi"
#define MEDGEN_INLINE inline __attribute__((always_inline))

// Whatever BLAS libtorch comes with.
extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n,
                       const int* k, const float* alpha, const float* a, const int* lda,
                       const float* b, const int* ldb, const float* beta, float* c, const int* ldc)
    __attribute__((weak));

namespace medgen::train {
namespace {

// GCC's and Clang's vector types: arithmetic works on all lanes, whatever the instruction set.
constexpr int kLanes = 8;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Words = std::int32_t __attribute__((vector_size(kLanes * sizeof(float))));

MEDGEN_INLINE Floats all(float value) { return value - Floats{}; }

MEDGEN_INLINE Floats load(const float* from) {
  Floats v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

// The first `n` of eight values, the rest 0.
MEDGEN_INLINE Floats load_part(const float* from, std::int64_t n) {
  if (n >= kLanes) return load(from);
  Floats v{};
  for (int k = 0; k < n; ++k) v[k] = from[k];
  return v;
}

MEDGEN_INLINE void store(float* to, Floats v) { std::memcpy(to, &v, sizeof v); }

MEDGEN_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// e^x to about two units in the last place: x = n ln 2 + r, a polynomial in r, and n put into the
// exponent. x is clamped to [-87, 88]; NaN stays NaN.
MEDGEN_INLINE Floats exp_floats(Floats x) {
  x = x < all(-87.0F) ? all(-87.0F) : x;
  x = x > all(88.0F) ? all(88.0F) : x;
  const Floats shifted = x * 1.44269504F + 12582912.0F;  // adding 1.5 * 2^23 rounds to an integer
  const Floats n = shifted - 12582912.0F;
  const Floats r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  Words bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const Words exponent = (bits - 0x4B400000 + 127) << 23;
  Floats power;
  std::memcpy(&power, &exponent, sizeof power);
  return p * power;
}

MEDGEN_INLINE float sum_of(Floats v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// Calls body(place, values) for every eight values of a row; the last are filled up with `filler`,
// and what body returns is stored as far as the row goes.
template <class Body>
MEDGEN_INLINE void map_row(const float* from, float* to, std::int64_t n, float filler, Body body) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, body(i, load(from + i)));
  if (i == n) return;
  float last[kLanes];
  for (int k = 0; k < kLanes; ++k) last[k] = i + k < n ? from[i + k] : filler;
  store(last, body(i, load(last)));
  for (int k = 0; i + k < n; ++k) to[i + k] = last[k];
}

MEDGEN_INLINE float row_max(const float* row, std::int64_t n) {
  Floats most = all(-INFINITY);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) most = larger(load(row + i), most);
  float largest = -INFINITY;
  for (; i < n; ++i) largest = std::max(largest, row[i]);
  for (int k = 0; k < kLanes; ++k) largest = std::max(largest, most[k]);
  return largest;
}

// Replaces the row by exp(row - shift) and returns the sum.
MEDGEN_INLINE float exp_row(float* row, std::int64_t n, float shift) {
  Floats sum{};
  map_row(
      row, row, n, -INFINITY, [&](std::int64_t, Floats v) __attribute__((always_inline)) {
        const Floats e = exp_floats(v - shift);
        sum += e;
        return e;
      });
  return sum_of(sum);
}

MEDGEN_INLINE float sum_of_exp(const float* row, std::int64_t n, float shift) {
  Floats sum{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += exp_floats(load(row + i) - shift);
  float rest = 0;
  for (; i < n; ++i) rest += exp_floats(all(row[i] - shift))[0];
  return sum_of(sum) + rest;
}

MEDGEN_INLINE Floats sigmoid(Floats x) { return 1.0F / (1.0F + exp_floats(-x)); }

// The argument of GELU's sigmoid is x (kLinear + kCubic x^2).
constexpr float kLinear = 1.5957691216F;  // 2 sqrt(2 / pi)
constexpr float kCubic = 0.07135481627F;  // and times 0.044715

MEDGEN_INLINE void causal_softmax_body(float* scores, int rows, int ld, int first_length,
                                       float* log_sums) {
  for (int r = 0; r < rows; ++r) {
    float* row = scores + std::int64_t{r} * ld;
    const int length = first_length + r;
    const float largest = row_max(row, length);
    const float sum = exp_row(row, length, largest);
    const float inverse = 1.0F / sum;
    for (int i = 0; i < length; ++i) row[i] *= inverse;
    for (int i = length; i < ld; ++i) row[i] = 0;
    log_sums[r] = largest + std::log(sum);
  }
}

MEDGEN_INLINE void causal_softmax_again_body(float* scores, int rows, int ld, int first_length,
                                             const float* log_sums) {
  for (int r = 0; r < rows; ++r) {
    float* row = scores + std::int64_t{r} * ld;
    const int length = first_length + r;
    const float shift = log_sums[r];
    map_row(
        row, row, length, 0, [&](std::int64_t, Floats v) __attribute__((always_inline)) {
          return exp_floats(v - shift);
        });
    for (int i = length; i < ld; ++i) row[i] = 0;
  }
}

MEDGEN_INLINE void softmax_gradient_body(const float* probabilities, float* gradient, int rows,
                                         int ld, const float* dots, float scale) {
  for (int r = 0; r < rows; ++r) {
    const float* p = probabilities + std::int64_t{r} * ld;
    float* g = gradient + std::int64_t{r} * ld;
    const float dot = dots[r];
    for (int i = 0; i < ld; ++i) g[i] = p[i] * (g[i] - dot) * scale;
  }
}

MEDGEN_INLINE void row_dots_body(const float* a, const float* b, int rows, int n, int ld,
                                 float* dots) {
  for (int r = 0; r < rows; ++r) {
    const float* x = a + std::int64_t{r} * ld;
    const float* y = b + std::int64_t{r} * ld;
    Floats sum{};
    int i = 0;
    for (; i + kLanes <= n; i += kLanes) sum += load(x + i) * load(y + i);
    float rest = 0;
    for (; i < n; ++i) rest += x[i] * y[i];
    dots[r] = sum_of(sum) + rest;
  }
}

MEDGEN_INLINE double softmax_loss_body(float* scores, std::int64_t rows, std::int64_t n,
                                       const std::int64_t* targets, float scale, bool gradient) {
  double nll = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = scores + r * n;
    const float largest = row_max(row, n);
    const float target = row[targets[r]];
    const float sum = gradient ? exp_row(row, n, largest) : sum_of_exp(row, n, largest);
    nll += static_cast<double>(largest - target) + std::log(static_cast<double>(sum));
    if (!gradient) continue;
    const float factor = scale / sum;
    for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
    row[targets[r]] -= scale;
  }
  return nll;
}

MEDGEN_INLINE void gelu_body(const float* x, float* y, std::int64_t n) {
  map_row(
      x, y, n, 0, [&](std::int64_t, Floats v) __attribute__((always_inline)) {
        return v * sigmoid(v * (kLinear + kCubic * v * v));
      });
}

MEDGEN_INLINE void gelu_gradient_body(const float* x, const float* dy, float* dx, std::int64_t n) {
  map_row(
      x, dx, n, 0, [&](std::int64_t i, Floats v) __attribute__((always_inline)) {
        const Floats given = load_part(dy + i, n - i);
        const Floats s = sigmoid(v * (kLinear + kCubic * v * v));
        const Floats slope = v * (kLinear + 3 * kCubic * v * v);
        return given * (s + s * (1.0F - s) * slope);
      });
}

MEDGEN_INLINE void dropout_body(const float* x, float* y, std::int64_t n, double probability,
                                std::uint64_t key, std::int64_t first) {
  const auto seed = static_cast<std::uint32_t>(key ^ (key >> 32));
  const auto dropped = static_cast<std::uint32_t>(probability * 4294967295.0);
  const auto factor = static_cast<float>(1.0 / (1.0 - probability));
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t h =
        static_cast<std::uint32_t>(first + i) * 0x9E3779B9U + seed;  // then murmur3's mixing
    h = (h ^ (h >> 16)) * 0x85EBCA6BU;
    h = (h ^ (h >> 13)) * 0xC2B2AE35U;
    h ^= h >> 16;
    y[i] = h < dropped ? 0.0F : x[i] * factor;
  }
}

#define MEDGEN_TRAINING_LOOPS(NAME, TARGET)                                                        \
  TARGET void causal_softmax_##NAME(float* scores, int rows, int ld, int first_length,             \
                                    float* log_sums) {                                             \
    return causal_softmax_body(scores, rows, ld, first_length, log_sums);                          \
  }                                                                                                \
  TARGET void causal_softmax_again_##NAME(float* scores, int rows, int ld, int first_length,       \
                                          const float* log_sums) {                                 \
    return causal_softmax_again_body(scores, rows, ld, first_length, log_sums);                    \
  }                                                                                                \
  TARGET void softmax_gradient_##NAME(const float* probabilities, float* gradient, int rows,       \
                                      int ld, const float* dots, float scale) {                    \
    return softmax_gradient_body(probabilities, gradient, rows, ld, dots, scale);                  \
  }                                                                                                \
  TARGET void row_dots_##NAME(const float* a, const float* b, int rows, int n, int ld,             \
                              float* dots) {                                                       \
    return row_dots_body(a, b, rows, n, ld, dots);                                                 \
  }                                                                                                \
  TARGET double softmax_loss_##NAME(float* scores, std::int64_t rows, std::int64_t n,              \
                                    const std::int64_t* targets, float scale, bool gradient) {     \
    return softmax_loss_body(scores, rows, n, targets, scale, gradient);                           \
  }                                                                                                \
  TARGET void gelu_##NAME(const float* x, float* y, std::int64_t n) { return gelu_body(x, y, n); } \
  TARGET void gelu_gradient_##NAME(const float* x, const float* dy, float* dx, std::int64_t n) {   \
    return gelu_gradient_body(x, dy, dx, n);                                                       \
  }                                                                                                \
  TARGET void dropout_##NAME(const float* x, float* y, std::int64_t n, double probability,         \
                             std::uint64_t key, std::int64_t first) {                              \
    return dropout_body(x, y, n, probability, key, first);                                         \
  }                                                                                                \
  const TrainingLoops k_##NAME = {#NAME,                                                           \
                                  causal_softmax_##NAME,                                           \
                                  causal_softmax_again_##NAME,                                     \
                                  softmax_gradient_##NAME,                                         \
                                  row_dots_##NAME,                                                 \
                                  softmax_loss_##NAME,                                             \
                                  gelu_##NAME,                                                     \
                                  gelu_gradient_##NAME,                                            \
                                  dropout_##NAME};

MEDGEN_TRAINING_LOOPS(scalar, )
#if defined(__x86_64__)
MEDGEN_TRAINING_LOOPS(avx2, __attribute__((target("avx2"))))
MEDGEN_TRAINING_LOOPS(avx512, __attribute__((target("avx512f"))))
#endif

using base::InstructionSet;
constexpr base::CodeFor<TrainingLoops> kLoops[] = {
    {InstructionSet::kScalar, &k_scalar},
#if defined(__x86_64__)
    {InstructionSet::kAvx2, &k_avx2},
    {InstructionSet::kAvx512, &k_avx512},
#endif
};

}  // namespace

std::vector<const TrainingLoops*> all_training_loops() {
  return base::runnable_code<TrainingLoops>(kLoops);
}

const TrainingLoops& choose_training_loops() { return base::choose_code<TrainingLoops>(kLoops); }

const TrainingLoops& training_loops() {
  static const TrainingLoops& loops = choose_training_loops();
  return loops;
}

bool has_gemm() { return sgemm_ != nullptr; }

void gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float* a,
          int lda, const float* b, int ldb, float beta, float* c, int ldc) {
  // Fortran's order of columns: C^T = op(B)^T op(A)^T.
  sgemm_(transpose_b ? "T" : "N", transpose_a ? "T" : "N", &n, &m, &k, &alpha, b, &ldb, a, &lda,
         &beta, c, &ldc);
}

void causal_softmax(float* scores, int rows, int ld, int first_length, float* log_sums) {
  return training_loops().causal_softmax(scores, rows, ld, first_length, log_sums);
}

void causal_softmax_again(float* scores, int rows, int ld, int first_length,
                          const float* log_sums) {
  return training_loops().causal_softmax_again(scores, rows, ld, first_length, log_sums);
}

void softmax_gradient(const float* probabilities, float* gradient, int rows, int ld,
                      const float* dots, float scale) {
  return training_loops().softmax_gradient(probabilities, gradient, rows, ld, dots, scale);
}

void row_dots(const float* a, const float* b, int rows, int n, int ld, float* dots) {
  return training_loops().row_dots(a, b, rows, n, ld, dots);
}

double softmax_loss(float* scores, std::int64_t rows, std::int64_t n, const std::int64_t* targets,
                    float scale, bool gradient) {
  return training_loops().softmax_loss(scores, rows, n, targets, scale, gradient);
}

void gelu(const float* x, float* y, std::int64_t n) { return training_loops().gelu(x, y, n); }

void gelu_gradient(const float* x, const float* dy, float* dx, std::int64_t n) {
  return training_loops().gelu_gradient(x, dy, dx, n);
}

void dropout(const float* x, float* y, std::int64_t n, double probability, std::uint64_t key,
             std::int64_t first) {
  return training_loops().dropout(x, y, n, probability, key, first);
}

}  // namespace medgen::train
