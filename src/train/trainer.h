// Trains a GPT-2 from text. The parameters are those of the TorchScript module that a bundle
// carries.
#pragma once

#include <torch/script.h>

#include "medgen/model_config.h"
#include "train/train_options.h"
#include "train/training_data.h"
#include "train/training_model.h"

namespace medgen::train {

// Runs to the end, or until the observer asks to stop; resumes from the checkpoint in work_dir if
// there is one. At the end the bundle is written to `output`. Throws Error.
void train(const TrainOptions& options, TrainObserver& observer);

// The module's parameters in parameter_specs()'s order.
std::vector<NamedParameter> named_parameters(const torch::jit::Module& module,
                                             const ModelConfig& config);

// Sets requires_grad of each parameter: false for what `freeze` names ("embeddings", "3", "0-3").
// Throws Error(kUsage).
void set_trainable(const std::vector<NamedParameter>& parameters, const ModelConfig& config,
                   const std::vector<std::string>& freeze);

// Whether products are computed in bfloat16; resolves "auto". Throws Error(kUsage) for a device
// that does not exist.
bool resolve_bf16(const TrainOptions& options);

// Writes `output`: the trained module, its configuration, the tokenizer's files, the card, the
// record, and whatever else the bundle it came from has.
void write_trained_bundle(const TrainOptions& options, const TrainingData& data,
                          const torch::jit::Module& module, const std::string& training_json);

}  // namespace medgen::train
