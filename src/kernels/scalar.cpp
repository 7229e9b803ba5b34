// The kernels in plain C++: what every other instruction set must equal, and what runs on a
// processor without AVX2 or NEON.
#include "kernels/activations.h"
#include "kernels/kernels.h"

namespace medgen::kernels {
namespace {

#include "kernels/vec_scalar.inl"

constexpr int kMaxTile = 1;

void matmul_int8(const MatMul& job);

ActivationFormat activation_format(int, bool) { return ActivationFormat::kInt16; }

#include "kernels/generic.inl"

void matmul_int8(const MatMul& job) {
  const auto k = static_cast<std::size_t>(job.k);
  for (int panel = job.panel_begin; panel < job.panel_end; ++panel) {
    const std::int8_t* w =
        static_cast<const std::int8_t*>(job.weights) + static_cast<std::size_t>(panel) * k * 16;
    for (int row = 0; row < job.rows; ++row) {
      const std::int16_t* x =
          static_cast<const std::int16_t*>(job.x) + static_cast<std::size_t>(row) * k;
      std::int32_t sums[16] = {};
      for (std::size_t i = 0; i < k; i += 4) {
        for (std::size_t c = 0; c < 16; ++c) {
          for (std::size_t j = 0; j < 4; ++j) sums[c] += x[i + j] * w[i * 16 + c * 4 + j];
        }
      }
      finish_int8(job, row, panel * 16, sums);
    }
  }
}

constexpr Kernels kTable = table("scalar", activate_scalar);

}  // namespace

const Kernels* const kScalarKernels = &kTable;

}  // namespace medgen::kernels
