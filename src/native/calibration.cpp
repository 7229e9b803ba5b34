// See the header.
#include "native/calibration.h"

#include <cmath>

namespace medgen::native {

std::vector<float> channel_maxima(std::span<const float> inputs, int k) {
  std::vector<float> most(static_cast<std::size_t>(k), 0.0F);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    float& m = most[i % static_cast<std::size_t>(k)];
    m = std::max(m, std::fabs(inputs[i]));
  }
  return most;
}

}  // namespace medgen::native
