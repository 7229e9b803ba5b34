// See the header. Calibration runs the model in float32 layer by layer beside the packing, so that
// no more than one layer's parameters are in memory at a time.
#include "native/packer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "bundle/half.h"
#include "medgen/error.h"
#include "native/paged_cache.h"
#include "native/transformer.h"

namespace medgen::native {
namespace {

using kernels::kPanel;
constexpr int kProbeTokens = 512;  // most tokens that calibration uses

// Rows and columns on which the effect of rounding is measured.
constexpr int kSampleRows = 32;
constexpr int kSampleColumns = 256;

// W [k, n], as its parameter lies in memory.
struct Weights {
  std::vector<float> values;
  bool transposed = false;  // values are [n, k], as an embedding is
  int k = 0;
  int n = 0;
};

// The block belongs to the caller and is ours to write; PackedModel shows it as const.
template <typename T>
T* writable(const T* pointer) {
  return const_cast<T*>(pointer);
}

void check_finite(std::span<const float> values, const std::string& name) {
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return;
  throw Error(ErrorCode::kModel, "the parameter " + name +
                                     " holds NaN or an infinity; such a model "
                                     "cannot work, get or convert it again");
}

// Pieces of a job of `count` like parts: enough for the threads to share evenly.
int pieces_of(int count, const base::ThreadPool& pool) { return std::min(count, pool.size() * 8); }

// Calls function(piece, begin, end) for each of the pieces_of(count) ranges of 0 .. count - 1, on
// the threads. It must not throw.
template <typename Function>
void for_each_piece(int count, base::ThreadPool& pool, const Function& function) {
  const int pieces = pieces_of(count, pool);
  pool.run(pieces, [&](int piece) {
    function(piece, count * piece / pieces, count * (piece + 1) / pieces);
  });
}

// Columns 16 panel and on as [k][16], with zeros beyond the last.
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

// Calls function(panel, values [k][16]) for each panel, on the threads. It must not throw.
template <typename Function>
void for_each_panel(const Weights& w, base::ThreadPool& pool, const Function& function) {
  const int panels = (w.n + kernels::kPanel - 1) / kernels::kPanel;
  const auto size = static_cast<std::size_t>(w.k) * kernels::kPanel;
  std::vector<float> scratch(size * static_cast<std::size_t>(pieces_of(panels, pool)));
  for_each_piece(panels, pool, [&](int piece, int begin, int end) {
    float* values = scratch.data() + size * static_cast<std::size_t>(piece);
    for (int panel = begin; panel < end; ++panel) {
      load_panel(w, panel, values);
      function(panel, values);
    }
  });
}

template <typename Element, typename Convert>
void pack_float(const Weights& w, const Matrix& matrix, base::ThreadPool& pool,
                const Convert& convert) {
  auto* out = static_cast<Element*>(const_cast<void*>(matrix.weights));
  const auto size = static_cast<std::size_t>(w.k) * kernels::kPanel;
  for_each_panel(w, pool, [&](int panel, const float* values) {
    std::transform(values, values + size, out + size * static_cast<std::size_t>(panel), convert);
  });
}

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

// Divisors of the inputs; see the header.
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

// Rounds half to even; |x| below 2^22.
float rounded_to_even(float x) {
  constexpr float kShift = 0x1.8p23F;
  return (x + kShift) - kShift;
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

float quantized_weight(const Matrix& matrix, int input, int column) {
  const auto k_padded = static_cast<std::size_t>(matrix.k_padded(Precision::kInt8));
  const auto* panel =
      static_cast<const std::int8_t*>(matrix.weights) +
      static_cast<std::size_t>(column / kernels::kPanel) * k_padded * kernels::kPanel;
  return static_cast<float>(panel[input / 4 * 64 + column % kernels::kPanel * 4 + input % 4]) *
         matrix.column_scale[column];
}

// Whether rounding to 8-bit activations matters; see the header for the bounds.
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

// Inputs of the matrices of one layer (or of the output), as seen in the calibration run.
class Inputs : public InputObserver {
 public:
  void on_input(const Matrix& matrix, const float* x, int rows) override {
    std::vector<float>& seen = seen_[&matrix];
    seen.insert(seen.end(), x,
                x + static_cast<std::size_t>(rows) * static_cast<std::size_t>(matrix.k));
  }
  const std::vector<float>& of(const Matrix& matrix) const { return seen_.at(&matrix); }

 private:
  std::map<const Matrix*, std::vector<float>> seen_;
};

std::vector<float> channel_maxima(std::span<const float> inputs, int k) {
  std::vector<float> most(static_cast<std::size_t>(k), 0.0F);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    float& m = most[i % static_cast<std::size_t>(k)];
    m = std::max(m, std::fabs(inputs[i]));
  }
  return most;
}

// A float32 copy of one layer, or of the output matrix, and the probe's hidden states so far.
class Calibration {
 public:
  Calibration(const ModelConfig& config, const kernels::Kernels& kernels, base::ThreadPool& pool)
      : config_(config), shape_(config), transformer_(kernels, pool, config_, Precision::kFloat32) {
    shape_.n_layer = 1;
    shape_.vocab_size = kernels::kPanel;
    shape_.n_positions = 1;
    block_.resize(lay_out(shape_, Precision::kFloat32, nullptr).size_bytes / sizeof(Line));
    model_ =
        lay_out(shape_, Precision::kFloat32, reinterpret_cast<const std::byte*>(block_.data()));
  }

  Layer& layer() { return model_.layers[0]; }

  void begin(std::span<const int> probe, std::span<const float> wte, std::span<const float> wpe) {
    const auto width = static_cast<std::size_t>(config_.n_embd);
    const std::size_t count = std::min<std::size_t>(probe.size(), kProbeTokens);
    const int window = std::min(config_.n_positions, Transformer::kMaxRows);
    hidden_.resize(count * width);
    for (std::size_t i = 0; i < count; ++i) {
      const int position = static_cast<int>(i) % window;
      const float* token = wte.data() + static_cast<std::size_t>(probe[i]) * width;
      const float* place = wpe.data() + static_cast<std::size_t>(position) * width;
      for (std::size_t j = 0; j < width; ++j) hidden_[i * width + j] = token[j] + place[j];
      if (position == 0) windows_.emplace_back();
      windows_.back().push_back({0, probe[i], position});
    }
  }

  // Runs the probe through the layer in layer(); `number` affects only its scaling.
  Inputs run(int number) {
    Inputs inputs;
    const auto width = static_cast<std::size_t>(config_.n_embd);
    float* x = hidden_.data();
    for (const std::vector<TokenRow>& rows : windows_) {
      PagedCache cache(config_, kernels::CacheType::kFloat32, 1, UINT64_MAX);
      const int slot = cache.acquire();
      cache.extend(slot, static_cast<int>(rows.size()));
      transformer_.run_layer(layer(), number, rows, cache, x, &inputs);
      x += rows.size() * width;
    }
    return inputs;
  }

  std::span<const float> hidden() const { return hidden_; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  ModelConfig config_;
  ModelConfig shape_;
  Transformer transformer_;
  std::vector<Line> block_;
  PackedModel model_;
  std::vector<float> hidden_;
  std::vector<std::vector<TokenRow>> windows_;
};

class Packer {
 public:
  Packer(const ModelConfig& config, Precision precision, const bundle::TensorReader& read,
         const kernels::Kernels& kernels, base::ThreadPool& pool, std::byte* block)
      : config_(config),
        precision_(precision),
        read_(read),
        kernels_(kernels),
        pool_(pool),
        model_(lay_out(config, precision, block)),
        q_max_(reinterpret_cast<std::int32_t*>(block)) {
    if (precision == Precision::kInt8) calibration_.emplace(config, kernels, pool);
  }

  void run(std::span<const int> probe, const PackProgress& progress) {
    const int total = config_.n_layer + 1;
    pack_embeddings(probe);
    for (int i = 0; i < config_.n_layer; ++i) {
      if (progress) progress(i, total);
      pack_layer(i);
    }
    if (progress) progress(config_.n_layer, total);
    pack_head();
    if (progress) progress(total, total);
  }

 private:
  std::vector<float> tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::vector<float> values = read_(name, shape);
    check_finite(values, name);
    return values;
  }

  void fill(const float* target, std::span<const float> values) {
    std::copy(values.begin(), values.end(), writable(target));
  }

  void pack_norm(const std::string& name, const Norm& norm, const Norm* copy) {
    for (const auto& [part, where] : {std::pair{".weight", 0}, std::pair{".bias", 1}}) {
      std::string whole = name;
      whole += part;
      const std::vector<float> values = tensor(whole, {config_.n_embd});
      fill(where == 0 ? norm.weight : norm.bias, values);
      if (copy != nullptr) fill(where == 0 ? copy->weight : copy->bias, values);
    }
  }

  void store_table(const std::vector<float>& values, const void* target, const std::string& name) {
    if (!model_.half_embeddings) {
      std::copy(values.begin(), values.end(), static_cast<float*>(const_cast<void*>(target)));
      return;
    }
    auto* halves = static_cast<std::uint16_t*>(const_cast<void*>(target));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::fabs(values[i]) > 65504) {
        throw Error(ErrorCode::kModel, "the parameter " + name +
                                           " has values beyond 65504, which half "
                                           "precision cannot hold; use --precision fp32");
      }
      halves[i] = bundle::float_to_half(values[i]);
    }
  }

  void pack_embeddings(std::span<const int> probe) {
    const std::vector<float> wpe =
        tensor("transformer.wpe.weight", {config_.n_positions, config_.n_embd});
    store_table(wpe, model_.wpe, "transformer.wpe.weight");
    Weights wte = token_table();
    store_table(wte.values, model_.wte, "transformer.wte.weight");
    if (calibration_) calibration_->begin(probe, wte.values, wpe);
  }

  Weights token_table() {
    return {tensor("transformer.wte.weight", {config_.vocab_size, config_.n_embd}), true,
            config_.n_embd, config_.vocab_size};
  }

  void pack_layer(int number) {
    Layer& layer = model_.layers[static_cast<std::size_t>(number)];
    Layer* copy = calibration_ ? &calibration_->layer() : nullptr;
    std::string prefix = "transformer.h.";
    prefix += std::to_string(number);
    pack_norm(prefix + ".ln_1", layer.ln_1, copy == nullptr ? nullptr : &copy->ln_1);
    pack_norm(prefix + ".ln_2", layer.ln_2, copy == nullptr ? nullptr : &copy->ln_2);
    const char* const names[] = {".attn.c_attn", ".attn.c_proj", ".mlp.c_fc", ".mlp.c_proj"};
    std::vector<Weights> weights;
    for (int i = 0; i < kLayerMatrices; ++i) {
      Matrix& matrix = matrix_of(layer, i);
      Weights w = block_weights(prefix + names[i], matrix,
                                copy == nullptr ? nullptr : &matrix_of(*copy, i));
      if (calibration_) {
        weights.push_back(std::move(w));
      } else {
        pack_matrix(w, matrix, {});
      }
    }
    if (!calibration_) return;
    const Inputs inputs = calibration_->run(number);
    for (int i = 0; i < kLayerMatrices; ++i) {
      const std::size_t place = static_cast<std::size_t>(number * kLayerMatrices + i);
      q_max_[place] = pack_matrix(weights[static_cast<std::size_t>(i)], matrix_of(layer, i),
                                  inputs.of(matrix_of(*copy, i)));
    }
  }

  // Reads a matrix and its bias, and copies them for calibration.
  Weights block_weights(const std::string& name, const Matrix& matrix, const Matrix* copy) {
    Weights w{tensor(name + ".weight", {matrix.k, matrix.n}), false, matrix.k, matrix.n};
    const std::vector<float> bias = tensor(name + ".bias", {matrix.n});
    pack_bias(bias, matrix);
    if (copy != nullptr) {
      pack_bias(bias, *copy);
      pack_float<float>(w, *copy, pool_, [](float v) { return v; });
    }
    return w;
  }

  void pack_bias(std::span<const float> bias, const Matrix& matrix) {
    std::fill_n(writable(matrix.bias), matrix.n_padded(), 0.0F);
    fill(matrix.bias, bias);
  }

  // Returns the matrix's q_max, for int8.
  std::int32_t pack_matrix(const Weights& w, Matrix& matrix, std::span<const float> inputs) {
    switch (precision_) {
      case Precision::kFloat32:
        pack_float<float>(w, matrix, pool_, [](float v) { return v; });
        return 0;
      case Precision::kBFloat16:
        pack_float<std::uint16_t>(w, matrix, pool_, bundle::float_to_bfloat16);
        return 0;
      case Precision::kInt8:
        break;
    }
    pack_int8(w, matrix, smoothing(channel_maxima(inputs, w.k), w, pool_), pool_);
    const bool wide = needs_wide(w, matrix, inputs, &matrix == &model_.lm_head, pool_);
    return wide ? wide_q_max(w.k) : 127;
  }

  void pack_head() {
    pack_norm("transformer.ln_f", model_.ln_f, nullptr);
    Weights w = config_.tie_word_embeddings
                    ? token_table()
                    : Weights{tensor("lm_head.weight", {config_.vocab_size, config_.n_embd}), true,
                              config_.n_embd, config_.vocab_size};
    pack_bias({}, model_.lm_head);
    std::vector<float> inputs;
    if (calibration_) {
      const std::span<const float> hidden = calibration_->hidden();
      inputs.resize(hidden.size());
      const auto width = static_cast<std::size_t>(config_.n_embd);
      for (std::size_t i = 0; i < hidden.size(); i += width) {
        kernels_.layer_norm(hidden.data() + i, model_.ln_f.weight, model_.ln_f.bias, config_.n_embd,
                            static_cast<float>(config_.layer_norm_epsilon), inputs.data() + i);
      }
    }
    const std::int32_t q_max = pack_matrix(w, model_.lm_head, inputs);
    if (calibration_) q_max_[static_cast<std::size_t>(config_.n_layer) * kLayerMatrices] = q_max;
  }

  const ModelConfig& config_;
  Precision precision_;
  const bundle::TensorReader& read_;
  const kernels::Kernels& kernels_;
  base::ThreadPool& pool_;
  PackedModel model_;
  std::int32_t* q_max_;
  std::optional<Calibration> calibration_;
};

}  // namespace

void pack(const ModelConfig& config, Precision precision, const bundle::TensorReader& read,
          std::span<const int> probe, const kernels::Kernels& kernels, base::ThreadPool& pool,
          std::byte* block, const PackProgress& progress) {
  Packer(config, precision, read, kernels, pool, block).run(probe, progress);
}

}  // namespace medgen::native
