// Channels tens of times larger than the rest, as real GPT-2s have them, planted so that the
// model's function stays as it was.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace medgen::native {

using Parameters = std::map<std::string, std::vector<float>>;

// In each block: six channels of both norms times 40 with the rows that read them divided by 40,
// and six value columns of c_attn times 40 with the rows of c_proj that read them divided.
inline void plant_outliers(Parameters& parameters, int n_layer, std::size_t width) {
  constexpr float kFactor = 40;
  const auto shrink_row = [&](const std::string& name, std::size_t row, std::size_t columns) {
    for (std::size_t c = 0; c < columns; ++c) parameters.at(name)[row * columns + c] /= kFactor;
  };
  for (int layer = 0; layer < n_layer; ++layer) {
    const std::string name = "transformer.h." + std::to_string(layer);
    for (std::size_t j = 0; j < 6; ++j) {
      const std::size_t channel = (j * 7 + 3) % width;
      for (const char* norm : {".ln_1", ".ln_2"}) {
        parameters.at(name + norm + ".weight")[channel] *= kFactor;
        parameters.at(name + norm + ".bias")[channel] *= kFactor;
      }
      shrink_row(name + ".attn.c_attn.weight", channel, 3 * width);
      shrink_row(name + ".mlp.c_fc.weight", channel, 4 * width);
      for (std::size_t i = 0; i < width; ++i) {
        parameters.at(name + ".attn.c_attn.weight")[i * 3 * width + 2 * width + channel] *= kFactor;
      }
      parameters.at(name + ".attn.c_attn.bias")[2 * width + channel] *= kFactor;
      shrink_row(name + ".attn.c_proj.weight", channel, width);
    }
  }
}

}  // namespace medgen::native
