// Everything but the int8 product, once for all instruction sets, on a vector `Vec` of 16 floats
// that the including file defines. Lies in an anonymous namespace of each such file: a function
// that the linker could share between them might be compiled for a different processor. No
// standard containers or algorithms for the same reason.
//
// The including file has defined: struct Vec and, on it, zero, set1, load, store, add, sub, mul,
// div, fma (one rounding), vmax (the second where either is NaN), vabs, zero_below,
// select_negative, exp2_of, load_half, store_half, load_bf16, load_int32, store_int16, store_uint8
// and square_root; kMaxTile, how many Vec accumulators fit into the registers; matmul_int8() and
// activation_format(). It may define MEDGEN_UNROLL, which stands before the loops over such
// accumulators: a Vec of several registers may need that to stay in them.

#ifndef MEDGEN_UNROLL
#define MEDGEN_UNROLL
#endif

// Each may use what those before it define.
// clang-format off
#include "kernels/vec.inl"
#include "kernels/products.inl"
#include "kernels/layer_norm.inl"
#include "kernels/quantize.inl"
#include "kernels/cache.inl"
#include "kernels/attention.inl"
#include "kernels/embed.inl"
// clang-format on

constexpr Kernels table(const char* name, void (*activate)(Activation, float*, int)) {
  return {name,      matmul, activation_format, layer_norm, quantize, store_key_value,
          attention, embed,  activate};
}
