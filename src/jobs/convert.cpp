// See the header. The order is: read and check everything small, stage the small files,
// then stream the parameters one by one into model.pt, then rename.
#include "jobs/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "bundle/checkpoint.h"
#include "bundle/config.h"
#include "bundle/enclosed_file.h"
#include "bundle/gpt2_parameters.h"
#include "bundle/model_file.h"
#include "bundle/safetensors.h"
#include "jobs/converted.h"
#include "jobs/model_defaults.h"
#include "medgen/bundle.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxCardBytes = 4U << 20U;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kModel, message); }

// 65520 is the first value that rounds to infinity in fp16 (IEEE 754 binary16, round to nearest
// even).
void check_fits_half(const std::vector<float>& values, const std::string& stored_name) {
  constexpr float kLimit = 65520.0F;
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float value) { return std::fabs(value) >= kLimit; });
  if (bad != values.end()) {
    fail(fmt::format(
        "tensor \"{}\" holds {:f}, which fp16 cannot hold (65504 is its largest value); "
        "convert with `dtype` fp32",
        stored_name, *bad));
  }
}

bundle::TensorReader make_reader(const bundle::Gpt2Parameters& parameters,
                                 const ConvertOptions& options) {
  const int total = static_cast<int>(bundle::parameter_specs(parameters.config()).size());
  return [&, total, done = 0](const std::string& name,
                              const std::vector<std::int64_t>& shape) mutable {
    if (options.progress) options.progress(done, total);
    ++done;
    std::vector<float> values = parameters.read(name, shape);
    const bool finite =
        std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
    if (!finite) {
      fail(parameters.shown() + ": tensor \"" + parameters.stored_name(name) +
           "\" holds NaN or an infinity");
    }
    if (options.storage == bundle::StorageType::kFloat16) {
      check_fits_half(values, parameters.stored_name(name));
    }
    return values;
  };
}

std::string model_card(const fs::path& folder, const std::string& name, const ModelConfig& config,
                       const std::string& origin) {
  for (const char* card : {"MODEL_CARD.md", "README.md"}) {
    if (const auto file = bundle::find_enclosed_file(folder, card)) {
      return base::read_file(*file, kMaxCardBytes, ErrorCode::kModel);
    }
  }
  return fmt::format(
      "# {}\n\nA GPT-2 with {} parameters, {} layers of width {} and a context of {} "
      "tokens.\n\nConverted by medgen from `{}`. No card came with the checkpoint: what it was "
      "trained on, under which licence, and what it may be used for is not known here. Its output "
      "is not medical advice.\n",
      name, config.parameter_count(), config.n_layer, config.n_embd, config.n_positions, origin);
}

// How much logits may differ, relative to the largest, if one model computes in its parameters'
// type and the other in float32.
float logit_tolerance(const bundle::TorchScriptWeights& weights) {
  if (weights.holds(bundle::ElementType::kBFloat16)) return 1e-1F;
  return weights.holds(bundle::ElementType::kFloat16) ? 2e-2F : 1e-3F;
}

// Runs the archive's own code and the new model on a few tokens. Heads, activation and scaling
// do not show in the parameters' shapes, so only this can detect that config.json belongs to
// another model.
void check_same_logits(const fs::path& archive, const bundle::Gpt2Parameters& parameters,
                       float tolerance, wiring::TorchRoom& torch) {
  const ModelConfig& config = parameters.config();
  const int tokens = std::min(8, config.n_positions);
  const auto run = [&](const std::unique_ptr<Backend>& backend) {
    const int slot = backend->acquire_slot();
    std::vector<Row> rows;
    for (int i = 0; i < tokens; ++i) {
      rows.push_back({slot, (i * 37 + 11) % config.vocab_size, i, i + 1 == tokens});
    }
    const auto logits = backend->step(rows);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const std::vector<float> theirs = run(torch.open_foreign(archive, config, {.max_slots = 1}));
  const std::vector<float> ours =
      run(torch.open_backend(config, parameters.reader(), {.max_slots = 1}));
  float scale = 1;
  float worst = ours.size() == theirs.size() ? 0.0F : INFINITY;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    scale = std::max(scale, std::fabs(theirs[i]));
    worst = std::max(worst, std::fabs(ours[i] - theirs[i]));
  }
  if (!(worst <= tolerance * scale)) {
    fail(fmt::format(
        "{}: the model that config.json beside it describes gives different logits (they differ by "
        "up to {:f}); check n_head, activation_function, layer_norm_epsilon and scale_attn_... in "
        "it",
        archive.string(), worst));
  }
}

std::string own_name(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  const fs::path last = whole.has_filename() ? whole.filename() : whole.parent_path().filename();
  return last.empty() ? "gpt2" : last.string();
}

// The config.json that comes with foreign tensors.
ModelConfig config_beside(const fs::path& folder) {
  if (!base::is_file(folder / "config.json")) {
    fail((folder / "config.json").string() +
         " is missing; the number of heads and other settings are read from it");
  }
  return bundle::read_config(folder / "config.json");
}

using WriteModel = decltype(&bundle::write_torchscript);

void write_bundle(const bundle::Gpt2Parameters& parameters, const fs::path& folder,
                  const std::string& origin, const fs::path& out, const ConvertOptions& options,
                  WriteModel write_model) {
  if (options.note && !parameters.ignored().empty()) {
    options.note(fmt::format("not used, being no part of the language model: {}",
                             fmt::join(parameters.ignored(), ", ")));
  }
  BundleWriter writer(out, options.replace);
  const std::string name = options.name.empty() ? origin : options.name;
  writer.add_config(parameters.config());
  writer.add_tokenizer(options.tokenizer.value_or(folder));
  writer.add_generation_config(generation_config_of(folder).text);
  writer.add_model_card(model_card(folder, name, parameters.config(), origin));
  if (options.loaded) options.loaded();
  write_model(parameters.config(), options.storage, make_reader(parameters, options),
              writer.model_pt());
  writer.commit(name, options.storage == bundle::StorageType::kFloat16 ? "fp16" : "fp32",
                options.last);
}

void convert_folder(const fs::path& checkpoint, const fs::path& out, const ConvertOptions& options,
                    WriteModel write_model) {
  const fs::path weights = bundle::find_checkpoint_weights(checkpoint);
  const ModelConfig config = config_beside(checkpoint);
  const bundle::Gpt2Parameters parameters(config, bundle::open_checkpoint_weights(weights));
  write_bundle(parameters, checkpoint, own_name(checkpoint), out, options, write_model);
}

}  // namespace

void convert_checkpoint(const fs::path& checkpoint, const fs::path& out,
                        const ConvertOptions& options) {
  convert_folder(checkpoint, out, options, bundle::write_torchscript);
}

void convert_checkpoint_for_itself(const fs::path& checkpoint, const fs::path& out,
                                   const ConvertOptions& options) {
  convert_folder(checkpoint, out, options, bundle::write_state_dict);
}

void convert_archive(const fs::path& archive, const fs::path& out, const ConvertOptions& options,
                     wiring::TorchRoom* torch) {
  refuse_part_of_checkpoint(archive);
  const fs::path folder = archive.has_parent_path() ? archive.parent_path() : fs::path(".");
  bundle::TorchScriptWeights weights = bundle::TorchScriptWeights::open(archive);
  const float tolerance = logit_tolerance(weights);
  const auto parameters =
      bundle::Gpt2Parameters::of(std::move(weights), archive.string(), config_beside(folder));
  if (torch != nullptr) check_same_logits(archive, parameters, tolerance, *torch);
  write_bundle(parameters, folder, archive.stem().string(), out, options,
               bundle::write_torchscript);
}

}  // namespace medgen::jobs
