// A small GPT-2 with random parameters, given as the packer reads it, for tests of the native
// engine.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bundle/config.h"
#include "kernels/tables.h"
#include "native/native_backend.h"
#include "native/packer.h"
#include "unit/exact_activation.h"

namespace medgen::native {

struct TinyModel {
  TinyModel() {
    config.vocab_size = 83;  // divides by nothing
    config.n_positions = 70;
    config.n_embd = 40;
    config.n_layer = 3;
    config.n_head = 2;  // heads of 20
    config.n_inner = 160;
    std::mt19937 engine(7);
    for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
      std::size_t count = 1;
      for (const std::int64_t size : spec.shape) count *= static_cast<std::size_t>(size);
      std::normal_distribution<float> values(0, 0.2F);
      std::vector<float>& tensor = parameters[spec.name];
      tensor.resize(count);
      for (float& v : tensor) v = values(engine);
      if (spec.name.find("ln_") != std::string::npos && spec.name.ends_with("weight")) {
        for (float& v : tensor) v += 1;
      }
    }
  }

  // With what goes into the activation spread over some -20 .. 20, so that every part of it counts.
  static TinyModel with_activation(const std::string& name) {
    TinyModel model;
    model.config.activation_function = name;
    for (int layer = 0; layer < model.config.n_layer; ++layer) {
      const std::string matrix = "transformer.h." + std::to_string(layer) + ".mlp.c_fc.weight";
      for (float& v : model.parameters.at(matrix)) v *= 4;
    }
    return model;
  }

  bundle::TensorReader reader() const {
    return [this](const std::string& name, const std::vector<std::int64_t>&) {
      return parameters.at(name);
    };
  }

  // Packed in memory, never on disk.
  std::unique_ptr<PackedWeights> packed(Precision precision) const {
    base::ThreadPool pool(2);
    std::string why;
    return PackedWeights::build(
        {}, {std::string(64, 'a'), config, precision},
        [&](std::byte* block, const auto&) {
          pack(config, precision, reader(), probe(), *kernels::kScalarKernels, pool, block, {});
        },
        why);
  }

  std::vector<int> probe() const {
    std::vector<int> tokens;
    for (int i = 0; i < 140; ++i) tokens.push_back((i * 29 + 3) % config.vocab_size);
    return tokens;
  }

  std::unique_ptr<NativeBackend> backend(Precision precision, const kernels::Kernels& kernels,
                                         int threads, int slots = 8) const {
    NativeOptions options;
    options.threads = threads;
    options.max_slots = slots;
    return std::make_unique<NativeBackend>(packed(precision), kernels, options);
  }

  // The logits of `tokens` in double from the formulas of GPT-2, [tokens, vocab].
  std::vector<double> exact(const std::vector<int>& tokens) const;

  ModelConfig config;
  std::map<std::string, std::vector<float>> parameters;
};

inline std::vector<double> TinyModel::exact(const std::vector<int>& tokens) const {
  const auto width = static_cast<std::size_t>(config.n_embd);
  const std::size_t count = tokens.size();
  using Rows = std::vector<double>;
  const auto norm = [&](const Rows& x, const std::string& name) {
    Rows y(x.size());
    const auto& weight = parameters.at(name + ".weight");
    const auto& bias = parameters.at(name + ".bias");
    for (std::size_t r = 0; r < x.size() / width; ++r) {
      double mean = 0;
      double variance = 0;
      for (std::size_t i = 0; i < width; ++i) mean += x[r * width + i] / static_cast<double>(width);
      for (std::size_t i = 0; i < width; ++i) {
        variance +=
            (x[r * width + i] - mean) * (x[r * width + i] - mean) / static_cast<double>(width);
      }
      for (std::size_t i = 0; i < width; ++i) {
        y[r * width + i] = (x[r * width + i] - mean) /
                               std::sqrt(variance + config.layer_norm_epsilon) *
                               static_cast<double>(weight[i]) +
                           static_cast<double>(bias[i]);
      }
    }
    return y;
  };
  const auto linear = [&](const Rows& x, std::size_t inputs, const std::string& name) {
    const auto& weight = parameters.at(name + ".weight");
    const auto& bias = parameters.at(name + ".bias");
    const std::size_t outputs = bias.size();
    Rows y(x.size() / inputs * outputs);
    for (std::size_t r = 0; r < x.size() / inputs; ++r) {
      for (std::size_t o = 0; o < outputs; ++o) {
        double sum = static_cast<double>(bias[o]);
        for (std::size_t i = 0; i < inputs; ++i)
          sum += x[r * inputs + i] * static_cast<double>(weight[i * outputs + o]);
        y[r * outputs + o] = sum;
      }
    }
    return y;
  };
  Rows x(count * width);
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t i = 0; i < width; ++i) {
      x[r * width + i] =
          static_cast<double>(parameters.at(
              "transformer.wte.weight")[static_cast<std::size_t>(tokens[r]) * width + i]) +
          static_cast<double>(parameters.at("transformer.wpe.weight")[r * width + i]);
    }
  }
  const auto heads = static_cast<std::size_t>(config.n_head);
  const std::size_t size = width / heads;
  for (int layer = 0; layer < config.n_layer; ++layer) {
    const std::string name = "transformer.h." + std::to_string(layer);
    const Rows qkv = linear(norm(x, name + ".ln_1"), width, name + ".attn.c_attn");
    Rows mixed(count * width);
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t r = 0; r < count; ++r) {
        Rows weights(r + 1);
        double sum = 0;
        for (std::size_t p = 0; p <= r; ++p) {
          double score = 0;
          for (std::size_t i = 0; i < size; ++i) {
            score += qkv[r * 3 * width + h * size + i] * qkv[p * 3 * width + width + h * size + i];
          }
          sum += weights[p] = std::exp(score / std::sqrt(static_cast<double>(size)));
        }
        for (std::size_t p = 0; p <= r; ++p) {
          for (std::size_t i = 0; i < size; ++i) {
            mixed[r * width + h * size + i] +=
                weights[p] / sum * qkv[p * 3 * width + 2 * width + h * size + i];
          }
        }
      }
    }
    const Rows attended = linear(mixed, width, name + ".attn.c_proj");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += attended[i];
    Rows hidden = linear(norm(x, name + ".ln_2"), width, name + ".mlp.c_fc");
    for (double& v : hidden) v = exact_activation(config.activation_function, v);
    const Rows fed = linear(hidden, static_cast<std::size_t>(config.n_inner), name + ".mlp.c_proj");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += fed[i];
  }
  x = norm(x, "transformer.ln_f");
  const auto vocab = static_cast<std::size_t>(config.vocab_size);
  Rows logits(count * vocab);
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t o = 0; o < vocab; ++o) {
      for (std::size_t i = 0; i < width; ++i) {
        logits[r * vocab + o] +=
            x[r * width + i] *
            static_cast<double>(parameters.at("transformer.wte.weight")[o * width + i]);
      }
    }
  }
  return logits;
}

}  // namespace medgen::native
