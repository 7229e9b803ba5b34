// From a finished training run to a bundle.
#include <fmt/format.h>

#include "base/files.h"
#include "bundle/model_file.h"
#include "medgen/bundle.h"
#include "torchscript/gpt2_module.h"
#include "train/trainer.h"

namespace medgen::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 20;

std::string card(const TrainOptions& options, const TrainingData& data) {
  if (!options.model_card.empty()) return base::read_file(options.model_card, kMaxTextBytes);
  const std::string title = "# " + options.name;
  if (!data.from) return title + "\n\nNo card was given when this was trained.\n";
  std::string begun = fmt::format("\"{}\" (model.pt {})", data.from->name(), data.from->sha256());
  for (const Bundle& bundle : data.average_with) {
    begun += fmt::format(" averaged with \"{}\" (model.pt {})", bundle.name(), bundle.sha256());
  }
  return fmt::format(
      "{}\n\nTrained further from {}; no card was given then. The card of the first:\n\n{}", title,
      begun, data.from->model_card());
}

}  // namespace

void write_trained_bundle(const TrainOptions& options, const TrainingData& data,
                          const torch::jit::Module& module, const std::string& training_json) {
  const torch::NoGradGuard no_gradients;
  const auto trained = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    std::vector<float> values(
        static_cast<std::size_t>(torchscript::find_parameter(module, name).numel()));
    torch::from_blob(values.data(), shape, torch::kFloat32)
        .copy_(torchscript::find_parameter(module, name));
    return values;
  };
  BundleWriter writer(options.output);
  writer.add_config(data.config);
  writer.add_tokenizer(data.tokenizer);
  std::string generation;
  fs::path templates = options.templates;
  if (data.from) {
    const fs::path& from = data.from->directory();
    generation = base::read_file(from / "generation_config.json", kMaxTextBytes);
    if (templates.empty() && fs::exists(from / "templates.json"))
      templates = from / "templates.json";
  } else {
    // A document begins after the end of another, and so does a prompt.
    writer.put_bos_before_prompts();
  }
  writer.add_generation_config(generation);
  if (!templates.empty()) writer.add_templates(base::read_file(templates, kMaxTextBytes));
  base::write_file(writer.staging() / "training.json", training_json);
  writer.add_model_card(card(options, data));
  bundle::write_torchscript(data.config, options.storage, trained, writer.model_pt());
  const bool half = options.storage == bundle::StorageType::kFloat16;
  writer.commit(options.name, half ? "fp16" : "fp32");
}

}  // namespace medgen::train
