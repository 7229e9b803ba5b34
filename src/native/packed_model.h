// A GPT-2 in the form that the kernels stream: where each packed tensor lies in one block of
// memory, which is usually a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/activation.h"
#include "kernels/kernels.h"
#include "medgen/model_config.h"

namespace medgen::native {

enum class Precision : std::uint32_t { kFloat32 = 0, kBFloat16 = 1, kInt8 = 2 };
std::string_view to_string(Precision precision);  // "fp32", "bf16", "int8"

// y = (x * input_scale) W + bias. Pointers lie in the model's block.
struct Matrix {
  int k = 0;                      // inputs
  int n = 0;                      // outputs
  const void* weights = nullptr;  // see kernels::MatMul
  const float* bias = nullptr;    // [n padded to 16]; zeros where the model has none
  // int8 only:
  const float* column_scale = nullptr;       // [n padded]
  const std::int32_t* column_sum = nullptr;  // [n padded]
  const float* input_scale = nullptr;        // [k], divided out of the weights
  int q_max = 0;  // largest quantised activation: 127, or up to 4095 where it is `wide`
  bool wide = false;

  int k_padded(Precision precision) const;
  int n_padded() const { return (n + kernels::kPanel - 1) / kernels::kPanel * kernels::kPanel; }
};

struct Norm {
  const float* weight = nullptr;  // [n_embd]
  const float* bias = nullptr;    // [n_embd]
};

struct Layer {
  Norm ln_1;
  Matrix c_attn;  // n_embd -> 3 n_embd: queries, keys, values
  Matrix attn_proj;
  Norm ln_2;
  Matrix c_fc;
  Matrix mlp_proj;
};

// The four matrices, in the order of a forward pass.
inline constexpr int kLayerMatrices = 4;
inline Matrix& matrix_of(Layer& layer, int i) {
  Matrix* const all[] = {&layer.c_attn, &layer.attn_proj, &layer.c_fc, &layer.mlp_proj};
  return *all[i];
}

struct PackedModel {
  ModelConfig config;
  Precision precision = Precision::kFloat32;
  bool half_embeddings = false;  // wte and wpe are in half precision
  const void* wte = nullptr;     // [vocab_size, n_embd]
  const void* wpe = nullptr;     // [n_positions, n_embd]
  std::vector<Layer> layers;
  Norm ln_f;
  Matrix lm_head;  // n_embd -> vocab_size
  std::uint64_t size_bytes = 0;

  const void* token_row(int id) const;
  const void* position_row(int position) const;
};

// Sets every shape and, on top of `block`, every pointer; a null block tells only size_bytes. Where
// each tensor lies follows from the arguments alone.
PackedModel lay_out(const ModelConfig& config, Precision precision, const std::byte* block);

// What the head multiplies the final norm's output with for a token's logit, and what a token adds
// to the residual stream, [n_embd] each: as they are computed with, so int8 with its scales.
std::vector<float> head_column(const PackedModel& model, int token);
std::vector<float> token_embedding(const PackedModel& model, int token);

// The largest magnitude of quantised activations whose sums of `k` products stay within int32.
int wide_q_max(int k);

// Empty if the native engine runs such models, else why not.
std::string unsupported_reason(const ModelConfig& config);

// How the activation of a model is computed: as the product's epilogue, or after it.
struct ActivationSteps {
  kernels::Epilogue epilogue = kernels::Epilogue::kStore;
  std::optional<kernels::Activation> after;
};
ActivationSteps activation_steps(bundle::ActivationFormula formula);

}  // namespace medgen::native
