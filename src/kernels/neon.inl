// What the tables with NEON share; see generic.inl. 32 registers of 4 floats hold 6 Vec of sums
// beside what is multiplied.

#include "kernels/vec_neon.inl"

constexpr int kMaxTile = 6;
#define MEDGEN_UNROLL _Pragma("GCC unroll 8")

void matmul_int8(const MatMul& job);
ActivationFormat activation_format(int rows, bool wide);

#include "kernels/generic.inl"

inline const std::int8_t* panel_weights(const MatMul& job, int panel) {
  return static_cast<const std::int8_t*>(job.weights) +
         static_cast<std::size_t>(panel) * static_cast<std::size_t>(job.k) * 16;
}
