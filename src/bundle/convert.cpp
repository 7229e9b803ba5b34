// See the header. The order is: read and check everything that is small, stage the small files,
// then stream the parameters one by one into model.pt, then rename.
#include "bundle/convert.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/files.h"
#include "bundle/config.h"
#include "bundle/parameter_names.h"
#include "bundle/safetensors.h"
#include "medgen/bundle.h"
#include "medgen/error.h"

namespace medgen {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTextBytes = 16U << 20U;
constexpr const char* kEmbedding = "transformer.wte.weight";
constexpr const char* kHead = "lm_head.weight";

// Somebody else's parameters: what there is, and a way to read one.
struct Source {
  std::string shown;  // how messages call it
  fs::path folder;    // where config.json and the like stand
  std::vector<ParameterSpec> stored;
  std::function<std::vector<float>(const std::string& stored_name)> read;
};

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kModel, message); }

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

fs::path find_weights(const fs::path& checkpoint) {
  std::error_code ignored;
  if (!fs::is_directory(checkpoint, ignored)) {
    fail(checkpoint.string() + " is not a folder; give the folder of a Hugging Face checkpoint");
  }
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (is_file(checkpoint / name)) return checkpoint / name;
  }
  if (is_file(checkpoint / "pytorch_model.bin")) {
    fail(checkpoint.string() +
         " holds pytorch_model.bin, a Python pickle, which is not read; save the model as "
         "safetensors (save_pretrained(..., safe_serialization=True)) or use "
         "scripts/export_gpt2.py");
  }
  fail(checkpoint.string() +
       " holds neither model.safetensors nor model.safetensors.index.json; give the folder of a "
       "Hugging Face checkpoint");
}

// transformers itself disagrees, between versions, on which of two different tensors counts. So a
// tied model with another lm_head is refused, and an untied one with the same is stored tied.
void settle_head(ModelConfig& config, const ParameterSources& sources, const Source& source) {
  if (!sources.has_lm_head) return;  // match_parameters() has checked that none is needed
  const bool same =
      source.read(sources.stored_name.at(kHead)) == source.read(sources.stored_name.at(kEmbedding));
  if (config.tie_word_embeddings && !same) {
    fail(source.shown + ": \"" + sources.stored_name.at(kHead) + "\" differs from \"" +
         sources.stored_name.at(kEmbedding) +
         "\" though config.json says tie_word_embeddings true; set it to false to keep both, or "
         "remove the tensor that does not count");
  }
  config.tie_word_embeddings = same;
}

// 65520 is the first value that rounds to infinity in fp16 (IEEE 754 binary16, round to nearest
// even).
void check_fits_half(const std::vector<float>& values, const std::string& stored_name) {
  constexpr float kLimit = 65520.0F;
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float value) { return std::fabs(value) >= kLimit; });
  if (bad != values.end()) {
    fail("tensor \"" + stored_name + "\" holds " + std::to_string(*bad) +
         ", which fp16 cannot hold (65504 is its largest value); convert with --dtype fp32");
  }
}

TensorReader make_reader(const ModelConfig& config, const ParameterSources& sources,
                         const Source& source, const ConvertOptions& options) {
  const int total = static_cast<int>(parameter_specs(config).size());
  return [&, total, done = 0](const std::string& name,
                              const std::vector<std::int64_t>& shape) mutable {
    if (options.progress) options.progress(done, total);
    ++done;
    const std::string& stored_name = sources.stored_name.at(name);
    std::vector<float> values = source.read(stored_name);
    const std::int64_t expected =
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    if (static_cast<std::int64_t>(values.size()) != expected) {
      fail(source.shown + ": tensor \"" + stored_name + "\" gave " + std::to_string(values.size()) +
           " values; " + std::to_string(expected) + " are expected");
    }
    const bool finite =
        std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
    if (!finite) fail(source.shown + ": tensor \"" + stored_name + "\" holds NaN or an infinity");
    if (options.storage == StorageType::kFloat16) check_fits_half(values, stored_name);
    return values;
  };
}

std::string model_card(const fs::path& folder, const std::string& name, const ModelConfig& config,
                       const std::string& origin) {
  for (const char* card : {"MODEL_CARD.md", "README.md"}) {
    if (is_file(folder / card)) {
      return read_file(folder / card, kMaxTextBytes, ErrorCode::kModel);
    }
  }
  return "# " + name + "\n\nA GPT-2 with " + std::to_string(config.parameter_count()) +
         " parameters, " + std::to_string(config.n_layer) + " layers of width " +
         std::to_string(config.n_embd) + " and a context of " + std::to_string(config.n_positions) +
         " tokens.\n\nConverted by medgen from `" + origin +
         "`. No card came with the checkpoint: what it was trained on, under which licence, and "
         "what it may be used for is not known here. Its output is not medical advice.\n";
}

// Runs both models on a few tokens. Heads, activation and scaling leave no trace in the parameters'
// shapes, so this is the only way to notice that config.json belongs to another model.
void check_same_logits(const fs::path& archive, const fs::path& model_pt, const ModelConfig& config,
                       StorageType storage, TorchRoom& torch) {
  const int tokens = std::min(8, config.n_positions);
  const auto run = [&](const fs::path& path) {
    const auto backend = torch.open_backend(path, config, {.max_slots = 1});
    const int slot = backend->acquire_slot();
    std::vector<Row> rows;
    for (int i = 0; i < tokens; ++i) {
      rows.push_back({slot, (i * 37 + 11) % config.vocab_size, i, i + 1 == tokens});
    }
    const auto logits = backend->step(rows);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const std::vector<float> theirs = run(archive);
  const std::vector<float> ours = run(model_pt);
  float scale = 1;
  float worst = ours.size() == theirs.size() ? 0.0F : INFINITY;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    scale = std::max(scale, std::fabs(theirs[i]));
    worst = std::max(worst, std::fabs(ours[i] - theirs[i]));
  }
  const float tolerance = storage == StorageType::kFloat16 ? 2e-2F : 1e-3F;
  if (!(worst <= tolerance * scale)) {
    fail(archive.string() +
         ": the model that config.json beside it describes gives other logits "
         "(they differ by up to " +
         std::to_string(worst) +
         "); check n_head, activation_function, layer_norm_epsilon and scale_attn_... in it");
  }
}

std::string own_name(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  const fs::path last = whole.has_filename() ? whole.filename() : whole.parent_path().filename();
  return last.empty() ? "gpt2" : last.string();
}

// `check` runs on the finished model.pt, before the bundle appears.
void write_bundle(const Source& source, const std::string& origin, const fs::path& out,
                  const ConvertOptions& options, TorchRoom& torch,
                  const std::function<void(const ModelConfig&, const fs::path&)>& check) {
  if (!is_file(source.folder / "config.json")) {
    fail((source.folder / "config.json").string() +
         " is missing; the number of heads and other settings are read from it");
  }
  ModelConfig config = read_config(source.folder / "config.json");
  const ParameterSources sources = match_parameters(config, source.stored, source.shown);

  BundleWriter writer(out, options.replace);
  settle_head(config, sources, source);
  const std::string name = options.name.empty() ? origin : options.name;
  writer.add_config(config);
  writer.add_tokenizer(options.tokenizer.value_or(source.folder));
  const fs::path generation_config = source.folder / "generation_config.json";
  writer.add_generation_config(is_file(generation_config)
                                   ? read_file(generation_config, kMaxTextBytes, ErrorCode::kModel)
                                   : std::string());
  writer.add_model_card(model_card(source.folder, name, config, origin));
  torch.export_model(config, options.storage, make_reader(config, sources, source, options),
                     writer.model_pt());
  if (check) check(config, writer.model_pt());
  writer.commit(name, options.storage == StorageType::kFloat16 ? "fp16" : "fp32");
}

}  // namespace

void convert_checkpoint(const fs::path& checkpoint, const fs::path& out,
                        const ConvertOptions& options, TorchRoom& torch) {
  const fs::path weights = find_weights(checkpoint);
  const Safetensors tensors = Safetensors::open(weights);
  Source source;
  source.shown = weights.string();
  source.folder = checkpoint;
  for (const auto& [name, tensor] : tensors.tensors())
    source.stored.push_back({name, tensor.shape});
  source.read = [&](const std::string& name) { return tensors.read_float32(name); };
  write_bundle(source, own_name(checkpoint), out, options, torch, nullptr);
}

void convert_archive(const fs::path& archive, const fs::path& out, const ConvertOptions& options,
                     TorchRoom& torch) {
  const TorchRoom::Archive opened = torch.open_archive(archive);
  Source source;
  source.shown = archive.string();
  source.folder = archive.has_parent_path() ? archive.parent_path() : fs::path(".");
  source.stored = opened.tensors;
  source.read = opened.read;
  write_bundle(source, archive.stem().string(), out, options, torch,
               [&](const ModelConfig& config, const fs::path& model_pt) {
                 check_same_logits(archive, model_pt, config, options.storage, torch);
               });
}

}  // namespace medgen
