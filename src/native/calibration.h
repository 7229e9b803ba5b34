// A run of a model over a probe text in float32, one layer at a time beside the packing, so that no
// more than one layer's parameters are in memory.
#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "native/paged_cache.h"
#include "native/transformer.h"

namespace medgen::native {

inline constexpr int kProbeTokens = 512;  // most tokens that calibration uses

// Inputs of the matrices of one layer (or of the output), as seen in the calibration run.
class Inputs : public Observer {
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

// The largest magnitude of each of the k channels of inputs, [rows, k].
std::vector<float> channel_maxima(std::span<const float> inputs, int k);

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

}  // namespace medgen::native
