// A GPT-2 whose weights are set by formula, so that what it says depends on one token of the
// context alone: whether the key stands there.
//
// One layer, one head, as wide as its vocabulary V. Token t is embedded as e times the unit vector
// t, e = 0.001; positions are embedded as zero. The first norm makes of that sqrt(V - 1) in place t
// and -1 / sqrt(V - 1) elsewhere. From place K of it come a key and a value that are large for the
// key token and zero for any other, so that attention rests on the key wherever one stands before.
// The attention's output is B, plus C where there is a key: numbers around 100,000, which in fp32
// absorb e. So the last norm sees B or B + C, whatever the tokens are.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "unit/engine/fake_backend.h"
#include "unit/native/tiny_model.h"

namespace medgen::why {

inline constexpr int kKeyVocabulary = 16;
inline constexpr TokenId kKeyToken = 3;

class KeyModel {
 public:
  // `heeds`: whether C is there at all.
  explicit KeyModel(bool heeds) {
    constexpr int kWidth = kKeyVocabulary;
    constexpr float kEmbedding = 1e-3F;
    ModelConfig& config = model_.config;
    config.vocab_size = config.n_embd = kWidth;
    config.n_positions = 128;
    config.n_layer = config.n_head = 1;
    config.n_inner = kWidth;
    config.layer_norm_epsilon = 1e-12F;
    model_.parameters.clear();
    for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
      std::size_t count = 1;
      for (const std::int64_t size : spec.shape) count *= static_cast<std::size_t>(size);
      model_.parameters[spec.name].assign(count, 0.0F);
    }
    for (const char* norm : {"transformer.h.0.ln_1", "transformer.h.0.ln_2"}) {
      for (float& weight : at(std::string(norm) + ".weight")) weight = 1;
    }
    for (float& weight : at("transformer.ln_f.weight")) weight = 1 / kEmbedding;
    for (int t = 0; t < kWidth; ++t) at("transformer.wte.weight")[place(t, kWidth, t)] = kEmbedding;
    const float other = -1 / std::sqrt(static_cast<float>(kWidth) - 1);
    const float own = std::sqrt(static_cast<float>(kWidth) - 1);
    const float per_unit = 1 / (own - other);
    std::vector<float>& matrix = at("transformer.h.0.attn.c_attn.weight");  // [width, 3 width]
    std::vector<float>& bias = at("transformer.h.0.attn.c_attn.bias");
    bias[0] = 1;  // every query
    for (const auto& [column, size] : {std::pair{kWidth, 200.0F}, std::pair{2 * kWidth, 1.0F}}) {
      matrix[place(kKeyToken, 3 * kWidth, column)] = size * per_unit;
      bias[static_cast<std::size_t>(column)] = -other * size * per_unit;
    }
    for (int i = 0; i < kWidth; ++i) {
      const auto place_of_i = static_cast<std::size_t>(i);
      at("transformer.h.0.attn.c_proj.bias")[place_of_i] = 1e5F * (i % 2 == 0 ? 1.0F : -1.0F);
      const float c = 2e4F * static_cast<float>(i * 7 % 5 - 2);
      if (heeds) at("transformer.h.0.attn.c_proj.weight")[place_of_i] = c;
    }
  }

  std::unique_ptr<native::NativeBackend> backend() const {
    return model_.backend(native::Precision::kFloat32, *kernels::kScalarKernels, 1);
  }

  // A word for each token, a blank before it.
  static testing::FakeTokenizer tokenizer() {
    std::vector<std::string> pieces;
    for (int i = 0; i < kKeyVocabulary; ++i) pieces.push_back(std::string(" ") + char('a' + i));
    return testing::FakeTokenizer(std::move(pieces));
  }

 private:
  static std::size_t place(int row, int width, int column) {
    return static_cast<std::size_t>(row * width + column);
  }
  std::vector<float>& at(const std::string& name) { return model_.parameters.at(name); }

  native::TinyModel model_;
};

}  // namespace medgen::why
