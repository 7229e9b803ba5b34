// The torch room's door: what wiring/torch_module.h hands out.
#include <torch/script.h>
#include <torch/torch.h>

#include <map>

#include "bundle/config.h"
#include "bundle/torchscript_weights.h"
#include "medgen/error.h"
#include "torch/archive.h"
#include "torch/backends.h"
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

  std::unique_ptr<Backend> open_backend(const std::filesystem::path& model_pt,
                                        const ModelConfig& config,
                                        const TorchBackendOptions& options) override {
    require_device(options.device);
    prepare_runtime(options.threads);
    torch::jit::Module module = load_archive(model_pt);
    if (module_kind(module, model_pt) == ModuleKind::kUncached) {
      return make_uncached_backend(std::move(module), config, options);
    }
    require_shapes(module, config);
    return make_bundle_backend(std::move(module), config, options);
  }

  void export_model(const ModelConfig& config, StorageType storage, const TensorReader& reader,
                    const std::filesystem::path& model_pt) override {
    // The parameters of a new module are memory that nothing has touched, so an archive of it costs
    // none, whatever the model's size; then the values are written into it one tensor at a time.
    save_module(make_gpt2_module(config, storage), model_pt);
    fill_archive(model_pt, config, storage, reader);
  }

  Archive open_archive(const std::filesystem::path& model_pt) override {
    const torch::jit::Module module = load_archive(model_pt);
    Archive archive;
    auto tensors = std::make_shared<std::map<std::string, at::Tensor>>();
    const auto add = [&](const std::string& name, const at::Tensor& tensor) {
      if (!tensors->emplace(name, tensor).second) return;
      archive.tensors.push_back({name, tensor.sizes().vec()});
    };
    for (const auto& parameter : module.named_parameters()) add(parameter.name, parameter.value);
    for (const auto& buffer : module.named_buffers()) add(buffer.name, buffer.value);
    archive.read = [tensors](const std::string& name) {
      const auto found = tensors->find(name);
      if (found == tensors->end()) {
        throw Error(ErrorCode::kModel, "the archive has no tensor called " + name);
      }
      const at::Tensor values = found->second.detach().to(at::kCPU, at::kFloat).contiguous();
      const float* data = values.data_ptr<float>();
      return std::vector<float>(data, data + values.numel());
    };
    return archive;
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
