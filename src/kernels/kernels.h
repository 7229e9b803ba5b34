// The arithmetic of a transformer on pointers and sizes: one table of functions per instruction
// set. Must not know of models, files, threads or errors.
//
// The scalar table defines every result; the others equal it bit for bit. That holds because
//   - a float product is a chain of fused multiply-adds over k in ascending order, vectorised over
//     output columns, so no lane count shows in it;
//   - int8 products are summed in int32, which is exact in any order;
//   - the few true reductions (sums of a norm or a softmax) run over 16 virtual lanes, element i in
//     lane i mod 16, and end in one fixed tree.
// Nothing here allocates or keeps state; every function may run on many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace medgen::kernels {

inline constexpr int kPanel = 16;          // output columns that are packed together
inline constexpr int kPagePositions = 16;  // positions of one page of the key/value cache
inline constexpr int kInt8Block = 64;  // int8 matrices have their k padded to a multiple of this
inline constexpr int kMaxHeadSize = 512;
inline constexpr int kAttentionRows = 4;  // rows that attention() processes together
inline constexpr int kRowBlock = 16;      // activation buffers hold a multiple of this many rows

enum class WeightType : std::uint8_t { kFloat32, kBFloat16, kInt8 };
enum class CacheType : std::uint8_t { kFloat32, kFloat16 };

// The activation format that int8 matrices expect.
enum class ActivationFormat : std::uint8_t {
  kInt16,       // [rows, k] int16
  kUint8,       // [rows, k] uint8, 128 added
  kUint8Planes  // [rows, k] low bytes, then [rows, k] high bytes, of the value plus 4096
};

enum class Epilogue : std::uint8_t {
  kStore,     // y = v
  kAdd,       // y = y + v
  kGeluTanh,  // y = v / (1 + e^(-2 u)), u = sqrt(2 / pi) (v + 0.044715 v^3)
  kRelu,      // y = max(v, 0)
};

// Activations besides the epilogues. Phi is the standard normal distribution function, sigmoid(x) =
// 1 / (1 + e^-x), softplus(x) = ln(1 + e^x).
enum class Activation : std::uint8_t {
  kGelu,          // x Phi(x)
  kGelu10,        // the same, within -10 .. 10
  kHardSwish,     // x min(max(x + 3, 0), 6) / 6
  kLaplace,       // Phi((x - 0.707107) / 0.282095)
  kLeakyRelu,     // x, or 0.01 x below 0
  kMish,          // x tanh(softplus(x))
  kQuickGelu,     // x sigmoid(1.702 x)
  kRelu2,         // max(x, 0)^2
  kRelu6,         // min(max(x, 0), 6)
  kSigmoid,       // sigmoid(x)
  kSilu,          // x sigmoid(x)
  kSqrtSoftplus,  // sqrt(softplus(x))
  kTanh,
};

// Columns [16 panel_begin, 16 panel_end) of v = x W + bias, stored to y by the epilogue.
struct MatMul {
  // Float: [n / 16][k][16] of float or bfloat16. Int8: [n / 16][k / 4][16][4]. n is padded with
  // zero columns to a multiple of 16, k of int8 with zeros to a multiple of 64.
  const void* weights = nullptr;
  WeightType type = WeightType::kFloat32;
  int k = 0;                                 // padded
  int n = 0;                                 // true columns
  const float* bias = nullptr;               // [n padded], or none
  const float* column_scale = nullptr;       // [n padded], int8 only
  const std::int32_t* column_sum = nullptr;  // [n padded], sums of a column's weights, int8 only
  int rows = 0;
  const void* x = nullptr;  // [rows, k] float, or as `format` says
  ActivationFormat format = ActivationFormat::kInt16;
  const float* row_scale = nullptr;  // [rows], int8 only
  float* y = nullptr;                // [rows, y_stride]
  std::size_t y_stride = 0;          // in floats
  Epilogue epilogue = Epilogue::kStore;
  int panel_begin = 0;
  int panel_end = 0;
};

// What a row attends to.
struct AttentionRow {
  const std::byte* const* pages = nullptr;  // as many as its positions need
  int positions = 0;                        // itself included; >= 1
};

// softmax(q K^T * scale) V for one head of some rows, each over its own positions. Adjacent rows
// that begin with the same pages read these together.
struct Attention {
  const AttentionRow* row = nullptr;  // [rows]
  int rows = 1;
  const float* query = nullptr;  // [rows, query_stride], head_size of each row used
  std::size_t query_stride = 0;  // in floats
  int head_size = 0;
  float scale = 1;
  CacheType cache = CacheType::kFloat32;
  std::size_t key_offset = 0;    // bytes into a page: keys of this layer and head, [head_size][16]
  std::size_t value_offset = 0;  // values, [16][head_size padded to 16]
  // Scratch, kAttentionRows times the most positions, padded to 16. Of a single row it needs only
  // that row's, and then holds e^(score - highest score) of each, which add up to 1 once divided by
  // their sum.
  float* scores = nullptr;
  float* output = nullptr;  // [rows, output_stride], head_size of each row written
  std::size_t output_stride = 0;
};

struct Kernels {
  const char* name;

  void (*matmul)(const MatMul& job);

  // The format matmul() expects for a matrix of `wide` activations (up to 13 bits) or others (8
  // bits) and this many rows.
  ActivationFormat (*activation_format)(int rows, bool wide);

  // y = (x - mean) / sqrt(variance + epsilon) * weight + bias over n elements, the variance being
  // the mean of squares of x minus its mean.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int n, float epsilon,
                     float* y);

  // Row `row` of `rows`: q = round(x * input_scale / s), half to even, s = max |x * input_scale| /
  // q_max, put into `out` in `format` with zeros up to k_padded. Returns s; NaN if an x is not
  // finite.
  float (*quantize)(const float* x, const float* input_scale, int k, int k_padded, int q_max,
                    ActivationFormat format, int row, int rows, void* out);

  // Stores a key and a value, [head_size] each, at `position` of a page.
  void (*store_key_value)(CacheType type, const float* key, const float* value, int head_size,
                          int position, void* keys, void* values);

  void (*attention)(const Attention& job);

  // y = e + p, of n elements; e and p in half precision if `half`.
  void (*embed)(const void* token, const void* position, bool half, int n, float* y);

  // Applies the activation to the n elements of y, to 2e-7 of itself or of 1. NaN stays NaN.
  void (*activate)(Activation which, float* y, int n);
};

// Null if this build has no such kernels.
extern const Kernels* const kScalarKernels;
extern const Kernels* const kAvx2Kernels;
extern const Kernels* const kAvx512Kernels;
extern const Kernels* const kAvx512VnniKernels;
extern const Kernels* const kAmxKernels;
extern const Kernels* const kNeonKernels;
extern const Kernels* const kNeonDotprodKernels;
extern const Kernels* const kNeonI8mmKernels;

}  // namespace medgen::kernels
