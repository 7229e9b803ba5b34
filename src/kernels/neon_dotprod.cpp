// The kernels for NEON with dot products; see neon_dot.inl. Compiled with their flag.
#include "kernels/activations.h"
#include "kernels/kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

namespace medgen::kernels {
namespace {

#include "kernels/neon_dot.inl"

template <bool Planes>
inline void dot_panels(const MatMul& job) {
  int panel = job.rows == 1 ? dot_single_row<Planes>(job) : job.panel_begin;
  for (; panel < job.panel_end; ++panel) dot_rows<Planes>(job, 0, panel);
}

void matmul_int8(const MatMul& job) {
  if (job.format == ActivationFormat::kUint8Planes) {
    dot_panels<true>(job);
  } else {
    dot_panels<false>(job);
  }
}

constexpr Kernels kTable = table("neon_dotprod", activate_neon);

}  // namespace

const Kernels* const kNeonDotprodKernels = &kTable;

}  // namespace medgen::kernels

#else

namespace medgen::kernels {
const Kernels* const kNeonDotprodKernels = nullptr;
}

#endif
