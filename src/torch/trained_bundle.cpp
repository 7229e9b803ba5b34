// From a finished training run to a bundle.
#include "base/files.h"
#include "medgen/bundle.h"
#include "torch/gpt2_module.h"
#include "torch/trainer.h"

namespace medgen {
namespace {

constexpr std::uint64_t kMaxCardBytes = std::uint64_t{1} << 20;

}  // namespace

void write_trained_bundle(const TrainOptions& options, const ModelConfig& config,
                          const torch::jit::Module& module) {
  const torch::NoGradGuard no_gradients;
  const bool half = options.storage == StorageType::kFloat16;
  const torch::jit::Module stored = make_gpt2_module(config, options.storage);
  for (const ParameterSpec& spec : parameter_specs(config)) {
    find_parameter(stored, spec.name).copy_(find_parameter(module, spec.name));
  }
  BundleWriter writer(options.output);
  writer.add_config(config);
  writer.add_tokenizer(options.tokenizer);
  // A document begins after the end of another, and so does a prompt.
  write_file(writer.staging() / "tokenizer_config.json", "{\n  \"add_bos_token\": true\n}\n");
  writer.add_generation_config("");
  writer.add_model_card(options.model_card.empty()
                            ? "# " + options.name + "\n\nNo card was given when this was trained.\n"
                            : read_file(options.model_card, kMaxCardBytes));
  save_module(stored, writer.model_pt());
  writer.commit(options.name, half ? "fp16" : "fp32");
}

}  // namespace medgen
