// How much each token of a text moved the log-probability of others, by derivatives. libtorch
// computes them, for every GPT-2 whose parameters can be read, converted ones included.
#pragma once

#include "jobs/model_files.h"
#include "wiring/torch_room.h"

namespace medgen::jobs {

// Loads libtorch. Before finish_loading(), which would otherwise forbid it. Throws Error(kRuntime)
// where this build has none.
void load_gradients();

// See torchscript/gradients.h; `asked.ids` hold all that the model is fed. Throws Error(kModel) for
// a model that is no GPT-2, which has to run its own code, besides what is said there.
torchscript::GradientInfluence gradient_influence(const ModelFiles& model,
                                                  const torchscript::GradientAsked& asked);

}  // namespace medgen::jobs
