// The torch room's door: what wiring/torch_module.h hands out.
#include <torch/script.h>
#include <torch/torch.h>

#include "bundle/config.h"
#include "medgen/export.h"
#include "torchscript/backends.h"
#include "torchscript/foreign_module.h"
#include "torchscript/gpt2_module.h"
#include "torchscript/gradients.h"
#include "torchscript/runtime.h"
#include "train/gradient_check.h"
#include "train/trainer.h"
#include "wiring/torch_room.h"

namespace medgen {
namespace {

class LibtorchRoom : public wiring::TorchRoom {
 public:
  std::string libtorch_version() const override { return TORCH_VERSION; }

  std::unique_ptr<Backend> open_backend(const ModelConfig& config,
                                        const bundle::TensorReader& reader,
                                        const torchscript::BackendOptions& options) override {
    torchscript::require_device(options.device);
    torchscript::prepare_runtime(options.threads);
    torch::jit::Module module = torchscript::make_gpt2_module(config);
    torchscript::read_parameters(reader, config, module);
    return torchscript::make_bundle_backend(module, config, options);
  }

  std::unique_ptr<Backend> open_foreign(const std::filesystem::path& model_pt,
                                        const ModelConfig& config,
                                        const torchscript::BackendOptions& options) override {
    torchscript::require_device(options.device);
    torchscript::prepare_runtime(options.threads);
    return torchscript::make_uncached_backend(torchscript::load_foreign_module(model_pt), config,
                                              options);
  }

  torchscript::GradientInfluence gradient_influence(
      const ModelConfig& config, const bundle::TensorReader& parameters,
      const torchscript::GradientAsked& asked) override {
    return torchscript::gradient_influence(config, parameters, asked);
  }

  train::LossAndGradients loss_and_gradients(const ModelConfig& config,
                                             const bundle::TensorReader& parameters,
                                             const std::vector<std::vector<TokenId>>& windows,
                                             const train::GradientOptions& options) override {
    return train::loss_and_gradients(config, parameters, windows, options);
  }

  void train(const train::TrainOptions& options, train::TrainObserver& observer) override {
    medgen::train::train(options, observer);
  }
};

}  // namespace
}  // namespace medgen

extern "C" MEDGEN_API medgen::wiring::TorchRoom* medgen_torch_room() {
  static medgen::LibtorchRoom room;
  return &room;
}
