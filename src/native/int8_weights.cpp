// See the header.
#include "native/int8_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace medgen::native {
namespace {

// Rows and columns on which the effect of rounding is measured.
constexpr int kSampleRows = 32;
constexpr int kSampleColumns = 256;

// Largest magnitudes over each input's weights.
std::vector<float> input_maxima(const Weights& w, base::ThreadPool& pool) {
  std::vector<float> most(static_cast<std::size_t>(w.k), 0.0F);
  for_each_piece(w.k, pool, [&](int, int begin_input, int end_input) {
    const auto begin = static_cast<std::size_t>(begin_input);
    const auto end = static_cast<std::size_t>(end_input);
    const auto take = [&](std::size_t i, float weight) {
      most[i] = std::max(most[i], std::fabs(weight));
    };
    const auto n = static_cast<std::size_t>(w.n);
    if (w.transposed) {
      for (std::size_t o = 0; o < n; ++o) {
        const float* column = &w.values[o * static_cast<std::size_t>(w.k)];
        for (std::size_t i = begin; i < end; ++i) take(i, column[i]);
      }
    } else {
      for (std::size_t i = begin; i < end; ++i) {
        for (std::size_t o = 0; o < n; ++o) take(i, w.values[i * n + o]);
      }
    }
  });
  return most;
}

// Rounds half to even; |x| below 2^22.
float rounded_to_even(float x) {
  constexpr float kShift = 0x1.8p23F;
  return (x + kShift) - kShift;
}

float quantized_weight(const Matrix& matrix, int input, int column) {
  const auto k_padded = static_cast<std::size_t>(matrix.k_padded(Precision::kInt8));
  const auto* panel =
      static_cast<const std::int8_t*>(matrix.weights) +
      static_cast<std::size_t>(column / kernels::kPanel) * k_padded * kernels::kPanel;
  const int place = input / 4 * 64 + column % kernels::kPanel * 4 + input % 4;
  return static_cast<float>(panel[place]) * matrix.column_scale[column];
}

}  // namespace

std::vector<float> smoothing(std::span<const float> input_most, const Weights& w,
                             base::ThreadPool& pool) {
  const std::vector<float> weight_most = input_maxima(w, pool);
  std::vector<float> divisor(static_cast<std::size_t>(w.k), 1.0F);
  for (std::size_t i = 0; i < divisor.size(); ++i) {
    // A channel that is silent in the probe must not get a divisor that overflows on loud input.
    const float x = std::max(input_most[i], 1e-3F);
    const float d = weight_most[i] > 0 ? std::sqrt(x / weight_most[i]) : 1.0F;
    divisor[i] = std::clamp(d, 1e-4F, 1e4F);
  }
  return divisor;
}

void pack_int8(const Weights& w, const Matrix& matrix, std::span<const float> divisor,
               base::ThreadPool& pool) {
  const int k_padded = matrix.k_padded(Precision::kInt8);
  auto* out = static_cast<std::int8_t*>(const_cast<void*>(matrix.weights));
  for (int i = 0; i < w.k; ++i) {
    writable(matrix.input_scale)[i] = 1.0F / divisor[static_cast<std::size_t>(i)];
  }
  for_each_panel(w, pool, [&](int panel, float* values) {
    float most[kernels::kPanel] = {};
    std::int32_t sum[kernels::kPanel] = {};
    for (int i = 0; i < w.k; ++i) {
      float* row = values + static_cast<std::size_t>(i) * kernels::kPanel;
      for (int c = 0; c < kernels::kPanel; ++c) {
        row[c] *= divisor[static_cast<std::size_t>(i)];
        most[c] = std::max(most[c], std::fabs(row[c]));
      }
    }
    float scale[kernels::kPanel];
    float step[kernels::kPanel];  // 1 where the column is zero
    for (int c = 0; c < kernels::kPanel; ++c) {
      scale[c] = most[c] / 127.0F;
      step[c] = most[c] == 0 ? 1.0F : scale[c];
    }
    std::int8_t* place = out + static_cast<std::size_t>(panel) *
                                   static_cast<std::size_t>(k_padded) * kernels::kPanel;
    std::fill_n(place, static_cast<std::size_t>(k_padded) * kernels::kPanel, std::int8_t{0});
    for (int i = 0; i < w.k; ++i) {
      const float* row = values + static_cast<std::size_t>(i) * kernels::kPanel;
      for (int c = 0; c < kernels::kPanel; ++c) {
        const auto q =
            static_cast<int>(std::clamp(rounded_to_even(row[c] / step[c]), -127.0F, 127.0F));
        place[i / 4 * 64 + c * 4 + i % 4] = static_cast<std::int8_t>(q);
        sum[c] += q;
      }
    }
    std::copy_n(scale, kernels::kPanel, writable(matrix.column_scale) + panel * kernels::kPanel);
    std::copy_n(sum, kernels::kPanel, writable(matrix.column_sum) + panel * kernels::kPanel);
  });
}

bool needs_wide(const Weights& w, const Matrix& matrix, std::span<const float> inputs,
                bool gives_logits, base::ThreadPool& pool) {
  const auto k = static_cast<std::size_t>(w.k);
  const int rows = static_cast<int>(inputs.size() / k);
  const int row_step = std::max(1, rows / kSampleRows);
  const int column_step = std::max(1, w.n / kSampleColumns);
  const auto row_count = static_cast<std::size_t>((rows + row_step - 1) / row_step);
  const int column_count = (w.n + column_step - 1) / column_step;
  std::vector<float> exact(row_count * k);
  std::vector<float> difference(row_count * k);  // of the rounded ones from these
  for (std::size_t row = 0; row < row_count; ++row) {
    const float* x = inputs.data() + row * static_cast<std::size_t>(row_step) * k;
    float most = 0;
    for (std::size_t i = 0; i < k; ++i) {
      exact[row * k + i] = x[i] * matrix.input_scale[i];
      most = std::max(most, std::fabs(exact[row * k + i]));
    }
    const float step = most / 127.0F;
    for (std::size_t i = 0; i < k; ++i) {
      const float value = exact[row * k + i];
      const float rounded = step > 0 ? rounded_to_even(value / step) * step : 0.0F;
      difference[row * k + i] = rounded - value;
    }
  }
  std::vector<double> signal(static_cast<std::size_t>(column_count), 0.0);  // by column
  std::vector<double> error(static_cast<std::size_t>(column_count), 0.0);
  std::vector<float> scratch(k * static_cast<std::size_t>(pieces_of(column_count, pool)));
  for_each_piece(column_count, pool, [&](int piece, int begin, int end) {
    float* weights = scratch.data() + k * static_cast<std::size_t>(piece);
    for (int c = begin; c < end; ++c) {
      for (std::size_t i = 0; i < k; ++i) {
        weights[i] = quantized_weight(matrix, static_cast<int>(i), c * column_step);
      }
      for (std::size_t row = 0; row < row_count; ++row) {
        double of_signal = 0;
        double of_error = 0;
        for (std::size_t i = 0; i < k; ++i) {
          const auto weight = static_cast<double>(weights[i]);
          of_signal += static_cast<double>(exact[row * k + i]) * weight;
          of_error += static_cast<double>(difference[row * k + i]) * weight;
        }
        signal[static_cast<std::size_t>(c)] += of_signal * of_signal;
        error[static_cast<std::size_t>(c)] += of_error * of_error;
      }
    }
  });
  const double all_signal = std::accumulate(signal.begin(), signal.end(), 0.0);
  const double all_error = std::accumulate(error.begin(), error.end(), 0.0);
  const double count = static_cast<double>(row_count) * column_count;
  return gives_logits ? all_error > 0.001 * count : all_error > 0.0004 * all_signal;
}

}  // namespace medgen::native
