// Trains a GPT-2 from text. The model is the same TorchScript module that a bundle carries.
#pragma once

#include <torch/script.h>

#include "medgen/model_config.h"
#include "torch/train_options.h"

namespace medgen {

// Runs to the end, or until the observer asks to stop; goes on from the checkpoint in work_dir if
// there is one. At the end the bundle is written to `output`. Throws Error.
void train(const TrainOptions& options, TrainObserver& observer);

// The rate as a part of its maximum at a step (0-based): warm-up, constant, linear to zero.
double rate_factor(const TrainOptions& options, std::int64_t step);

// Mean NLL per token of `targets` given `hidden`'s rows through the output embedding, and its
// gradients. Works through the rows in blocks, so the logits of a batch never exist at once.
//   hidden [rows, n_embd], output [vocab, n_embd], targets [rows]; `scale` multiplies the
//   gradients.
// With `hidden_gradient` null no gradients are computed. Gradients of `output` are added to its
// grad.
double output_loss(const at::Tensor& hidden, const at::Tensor& output, const at::Tensor& targets,
                   double scale, at::Tensor* hidden_gradient);

// Writes `output`: the trained module, its configuration, the tokenizer's files and the card.
void write_trained_bundle(const TrainOptions& options, const ModelConfig& config,
                          const torch::jit::Module& module);

}  // namespace medgen
