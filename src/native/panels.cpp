// See the header.
#include "native/panels.h"

namespace medgen::native {

void load_panel(const Weights& w, int panel, float* out) {
  const int first = panel * kernels::kPanel;
  const int count = std::min(kernels::kPanel, w.n - first);
  const auto k = static_cast<std::size_t>(w.k);
  if (count < kernels::kPanel) std::fill_n(out, k * kernels::kPanel, 0.0F);
  if (w.transposed) {
    for (int c = 0; c < count; ++c) {
      const float* column = &w.values[static_cast<std::size_t>(first + c) * k];
      for (std::size_t i = 0; i < k; ++i)
        out[i * kernels::kPanel + static_cast<std::size_t>(c)] = column[i];
    }
  } else {
    const float* row = &w.values[static_cast<std::size_t>(first)];
    for (std::size_t i = 0; i < k; ++i, row += w.n)
      std::copy_n(row, count, out + i * kernels::kPanel);
  }
}

}  // namespace medgen::native
