// AdamW and Muon over a model's parameters, with decoupled weight decay on matrices only.
//
// AdamW: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2; betas
// 0.9 and 0.95. Muon: Jordan and others 2024, "Muon: an optimizer for hidden layers in neural
// networks": Nesterov momentum 0.95, orthogonalised by five Newton-Schulz steps, scaled by
// sqrt(max(1, out / in)).
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "train/training_model.h"

namespace medgen::train {

struct OptimizerOptions {
  bool muon = true;
  double learning_rate = 0.002;
  double muon_learning_rate = 0.02;
  double weight_decay = 0.01;
  bool bf16 = false;  // Muon's products
  int threads = 1;    // that Muon's matrices are divided among
};

// The nearest semi-orthogonal matrix to each of `matrices`, [rows, columns] or [count, rows,
// columns], roughly: singular values end near 1. With `bf16` the products are computed in bfloat16.
at::Tensor newton_schulz(const at::Tensor& matrices, bool bf16);

class Optimizer {
 public:
  // Parameters that require no gradient are left unchanged.
  Optimizer(const std::vector<NamedParameter>& parameters, const OptimizerOptions& options);

  // Applies the gradients with rates times `factor`.
  void step(double factor);

  // Scales the gradients so that their joint norm is at most `limit`; returns the norm before.
  double clip_gradients(double limit);

  // Visits every tensor of the state by name, for a checkpoint; `restore_steps` belongs to a load.
  void visit_state(const std::function<void(const std::string&, at::Tensor&)>& visit);
  std::int64_t steps() const { return steps_; }
  void restore_steps(std::int64_t steps) { steps_ = steps; }

 private:
  struct Slot {
    NamedParameter parameter;
    bool muon = false;
    int parts = 1;      // c_attn holds query, key and value, orthogonalised separately
    at::Tensor first;   // momentum
    at::Tensor second;  // AdamW's squared gradients; undefined for Muon
  };
  struct MatrixView {  // one matrix that is orthogonalised; shares memory
    at::Tensor weight, gradient, momentum;
  };
  void muon_step(double rate);
  void muon_update(const std::vector<MatrixView>& group, double rate) const;
  void adamw_step(double rate) const;

  OptimizerOptions options_;
  std::vector<Slot> slots_;
  std::int64_t steps_ = 0;
};

}  // namespace medgen::train
