// The torch room's door: what wiring/torch_module.h hands out.
#include <torch/script.h>
#include <torch/torch.h>

#include "bundle/config.h"
#include "bundle/torchscript_weights.h"
#include "torch/backends.h"
#include "torch/foreign_module.h"
#include "torch/gpt2_module.h"
#include "torch/gradient_check.h"
#include "torch/runtime.h"
#include "torch/torch_room.h"
#include "torch/trainer.h"

namespace medgen {
namespace {

class LibtorchRoom : public TorchRoom {
 public:
  std::string libtorch_version() const override { return TORCH_VERSION; }

  std::unique_ptr<Backend> open_backend(const ModelConfig& config, const TensorReader& reader,
                                        const TorchBackendOptions& options) override {
    require_device(options.device);
    prepare_runtime(options.threads);
    torch::jit::Module module = make_gpt2_module(config, StorageType::kFloat32);
    read_parameters(reader, config, module);
    return make_bundle_backend(std::move(module), config, options);
  }

  std::unique_ptr<Backend> open_foreign(const std::filesystem::path& model_pt,
                                        const ModelConfig& config,
                                        const TorchBackendOptions& options) override {
    require_device(options.device);
    prepare_runtime(options.threads);
    return make_uncached_backend(load_foreign_module(model_pt), config, options);
  }

  void export_model(const ModelConfig& config, StorageType storage, const TensorReader& reader,
                    const std::filesystem::path& model_pt) override {
    // The parameters of a new module are memory that nothing has touched, so an archive of it costs
    // none, whatever the model's size; then the values are written into it one tensor at a time.
    save_module(make_gpt2_module(config, storage), model_pt);
    fill_archive(model_pt, config, storage, reader);
  }

  LossAndGradients loss_and_gradients(const ModelConfig& config, const TensorReader& parameters,
                                      const std::vector<std::vector<TokenId>>& windows,
                                      const GradientOptions& options) override {
    return medgen::loss_and_gradients(config, parameters, windows, options);
  }

  void train(const TrainOptions& options, TrainObserver& observer) override {
    medgen::train(options, observer);
  }
};

}  // namespace
}  // namespace medgen

extern "C" medgen::TorchRoom* medgen_torch_room() {
  static medgen::LibtorchRoom room;
  return &room;
}
