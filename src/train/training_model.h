// GPT-2 as it is trained: the same function as the TorchScript of gpt2_module.h, of the same
// parameters, with dropout, mixed precision, and on the CPU operations of our own that hold no
// attention matrix of a whole batch and no logits of one.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "medgen/model_config.h"

namespace medgen::train {

struct NamedParameter {
  std::string name;  // as in parameter_specs()
  at::Tensor tensor;
};

struct ForwardOptions {
  double dropout = 0;          // of the embedded input and of what each block adds; 0 is none
  std::uint64_t key = 0;       // with the position, determines the dropped elements
  std::int64_t first_row = 0;  // place of the first of these rows in the whole batch
  bool bf16 = false;           // products of matrices in bfloat16, the rest in float32; on a GPU
                               // what lies between the products of a block is bfloat16 too
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

// A teacher's output for the same rows: its hidden() [rows, its n_embd] and output() [vocab, its
// n_embd].
struct TeacherRows {
  at::Tensor hidden, output;
};

struct LossOptions {
  double scale = 1;  // multiplies the gradients
  bool bf16 = false;
  std::vector<TeacherRows> teachers = {};
  double distil_weight = 0;  // of the mean of the teachers' probabilities in the target
};

// Mean NLL per token of `targets` given `hidden`'s rows through the output embedding, and the
// gradients of the loss: that NLL, or with teachers the cross entropy to
// (1 - w) target + w mean of their probabilities (Hinton and others 2015, "Distilling the knowledge
// in a neural network", at temperature 1). Works through the rows in blocks, so the logits of a
// batch never exist at once.
//   hidden [rows, n_embd], output [vocab, n_embd], targets [rows]
// With `hidden_gradient` null no gradients are computed. Gradients of `output` are added to its
// grad if it requires one.
double output_loss(const at::Tensor& hidden, const at::Tensor& output, const at::Tensor& targets,
                   const LossOptions& options, at::Tensor* hidden_gradient);

}  // namespace medgen::train
