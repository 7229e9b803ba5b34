// See the header. Calibration runs beside the packing, so that no more than one layer's parameters
// are in memory at a time.
#include "native/packer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "bundle/half.h"
#include "medgen/error.h"
#include "native/calibration.h"
#include "native/int8_weights.h"
#include "native/panels.h"

namespace medgen::native {
namespace {

void check_finite(std::span<const float> values, const std::string& name) {
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return;
  throw Error(ErrorCode::kModel, "the parameter " + name +
                                     " holds NaN or an infinity; such a model "
                                     "cannot work, get or convert it again");
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
                                           "precision cannot hold; use `precision` fp32");
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
    const std::string prefix = fmt::format("transformer.h.{}", number);
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
