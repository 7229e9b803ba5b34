// What the rest of medgen needs from libtorch, in types of our own. The implementation lives in a
// module that wiring/torch_module.h loads on demand. This header includes nothing of libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "medgen/backend.h"
#include "medgen/model_config.h"
#include "medgen/tokenizer.h"
#include "torchscript/backend_options.h"
#include "torchscript/gradients.h"
#include "train/gradient_check.h"
#include "train/train_options.h"

namespace medgen::wiring {

class TorchRoom {
 public:
  virtual ~TorchRoom() = default;

  virtual std::string libtorch_version() const = 0;

  // A GPT-2 by medgen's own TorchScript, with the parameters that `reader` gives.
  virtual std::unique_ptr<Backend> open_backend(const ModelConfig& config,
                                                const bundle::TensorReader& reader,
                                                const torchscript::BackendOptions& options) = 0;

  // A TorchScript archive run by its own code: forward(input_ids) -> logits. Only if the user
  // trusts it; even so its code may only use operators that compute on tensors, and none runs
  // before that is verified. `config` may be incomplete. Throws Error(kModel).
  virtual std::unique_ptr<Backend> open_foreign(const std::filesystem::path& model_pt,
                                                const ModelConfig& config,
                                                const torchscript::BackendOptions& options) = 0;

  // How much each token of a text moved the log-probability of others, see torchscript/gradients.h.
  virtual torchscript::GradientInfluence gradient_influence(
      const ModelConfig& config, const bundle::TensorReader& parameters,
      const torchscript::GradientAsked& asked) = 0;

  // The loss of one batch and its gradients as a training step computes them. `windows` are of one
  // length, at least 2. For checking derivatives; not fast.
  virtual train::LossAndGradients loss_and_gradients(
      const ModelConfig& config, const bundle::TensorReader& parameters,
      const std::vector<std::vector<TokenId>>& windows, const train::GradientOptions& options) = 0;

  // See train/train_options.h.
  virtual void train(const train::TrainOptions& options, train::TrainObserver& observer) = 0;
};

}  // namespace medgen::wiring
