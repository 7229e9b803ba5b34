// What the rest of medgen may ask of libtorch, in types of our own. The implementation lives in a
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

namespace medgen {

struct TorchBackendOptions {
  int max_slots = 8;
  int threads = 0;             // 0: the cores this process may use
  std::string device = "cpu";  // "cpu" or "cuda"
};

struct TrainOptions;
class TrainObserver;

// How loss_and_gradients() computes.
struct GradientOptions {
  bool plain = false;  // by the bundle's TorchScript and libtorch's own derivatives
  int threads = 1;
  double dropout = 0;
  bool bf16 = false;
  std::vector<TensorReader> teachers = {};  // parameters of models of the same shape
  double distil_weight = 0;                 // of their mean probabilities in what is learnt
};

struct LossAndGradients {
  double loss = 0;                                      // mean NLL per token, nats
  std::map<std::string, std::vector<float>> gradients;  // by parameter name
};

class TorchRoom {
 public:
  virtual ~TorchRoom() = default;

  virtual std::string libtorch_version() const = 0;

  // A GPT-2 by medgen's own TorchScript, with the parameters that `reader` gives.
  virtual std::unique_ptr<Backend> open_backend(const ModelConfig& config,
                                                const TensorReader& reader,
                                                const TorchBackendOptions& options) = 0;

  // A TorchScript archive by its own code: forward(input_ids) -> logits. Only for whom the user
  // trusts; even so its code may use no operator but those that compute on tensors, and none runs
  // before that is known. `config` may hold only what is known. Throws Error(kModel).
  virtual std::unique_ptr<Backend> open_foreign(const std::filesystem::path& model_pt,
                                                const ModelConfig& config,
                                                const TorchBackendOptions& options) = 0;

  // Writes model.pt for `config` with the parameters that `reader` gives, stored as `storage`.
  virtual void export_model(const ModelConfig& config, StorageType storage,
                            const TensorReader& reader, const std::filesystem::path& model_pt) = 0;

  // The loss of one batch and its gradients as a training step computes them. `windows` are of one
  // length, at least 2. For checking derivatives; not fast.
  virtual LossAndGradients loss_and_gradients(const ModelConfig& config,
                                              const TensorReader& parameters,
                                              const std::vector<std::vector<TokenId>>& windows,
                                              const GradientOptions& options) = 0;

  // See torch/train_options.h.
  virtual void train(const TrainOptions& options, TrainObserver& observer) = 0;
};

}  // namespace medgen
