// A training step's loss and gradients, and the same by libtorch alone, for comparing them.
#pragma once

#include "torch/torch_room.h"

namespace medgen {

LossAndGradients loss_and_gradients(const ModelConfig& config, const TensorReader& parameters,
                                    const std::vector<std::vector<TokenId>>& windows,
                                    const GradientOptions& options);

}  // namespace medgen
