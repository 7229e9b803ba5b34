// GPT-2 as it is trained: the same function as the TorchScript of gpt2_module.h, of the same
// parameters, with dropout, mixed precision, and on the CPU operations of our own that hold no
// attention matrix of a whole batch and no logits of one.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "medgen/model_config.h"

namespace medgen {

struct NamedParameter {
  std::string name;  // as in parameter_specs()
  at::Tensor tensor;
};

struct ForwardOptions {
  double dropout = 0;          // of the embedded input and of what each block adds; 0 is none
  std::uint64_t key = 0;       // what the dropped elements are a function of, with their place
  std::int64_t first_row = 0;  // place of the first of these rows in the whole batch
  bool bf16 = false;           // products of matrices in bfloat16, the rest in float32
};

class TrainingModel {
 public:
  // The parameters in parameter_specs()'s order, float32, all on one device.
  TrainingModel(const ModelConfig& config, const std::vector<NamedParameter>& parameters);

  // input_ids [batch, time] int64 -> [batch * time, n_embd], with a graph for backward() unless
  // gradients are off.
  at::Tensor hidden(const at::Tensor& input_ids, const ForwardOptions& options) const;

  const at::Tensor& output() const { return output_; }  // [vocab_size, n_embd]

 private:
  struct Affine {
    at::Tensor weight, bias;
  };
  struct Layer {
    Affine ln_1, c_attn, attn_proj, ln_2, c_fc, mlp_proj;
  };
  at::Tensor norm(const at::Tensor& x, const Affine& affine) const;
  at::Tensor activation(const at::Tensor& x) const;

  ModelConfig config_;
  at::Tensor wte_, wpe_, output_;
  std::vector<Layer> layers_;
  Affine ln_f_;
};

// Mean NLL per token of `targets` given `hidden`'s rows through the output embedding, and its
// gradients. Works through the rows in blocks, so the logits of a batch never exist at once.
//   hidden [rows, n_embd], output [vocab, n_embd], targets [rows]; `scale` multiplies the
//   gradients.
// With `hidden_gradient` null no gradients are computed. Gradients of `output` are added to its
// grad if it requires one.
double output_loss(const at::Tensor& hidden, const at::Tensor& output, const at::Tensor& targets,
                   double scale, bool bf16, at::Tensor* hidden_gradient);

}  // namespace medgen
