// A training step's loss and gradients, and the same by libtorch alone, for comparing
// them. Nothing of libtorch here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bundle/gpt2_parameters.h"
#include "medgen/model_config.h"
#include "medgen/tokenizer.h"

namespace medgen::train {

// How loss_and_gradients() computes.
struct GradientOptions {
  bool plain = false;  // by the bundle's TorchScript and libtorch's own derivatives
  int threads = 1;
  double dropout = 0;
  bool bf16 = false;
  std::vector<bundle::TensorReader> teachers = {};  // parameters of models of the same shape
  double distil_weight = 0;                         // of their mean probabilities in what is learnt
};

struct LossAndGradients {
  double loss = 0;                                      // mean NLL per token, nats
  std::map<std::string, std::vector<float>> gradients;  // by parameter name
};

LossAndGradients loss_and_gradients(const ModelConfig& config,
                                    const bundle::TensorReader& parameters,
                                    const std::vector<std::vector<TokenId>>& windows,
                                    const GradientOptions& options);

}  // namespace medgen::train
