// Finding and opening a model.
#include "jobs/model_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/module.h"
#include "base/sha256.h"
#include "base/vocabulary.h"
#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "jobs/converted.h"
#include "jobs/model_defaults.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void model_error(const std::string& message) {
  throw Error(ErrorCode::kModel, message);
}

fs::path installed_model() { return base::installation_folder() / "share/medgen/models/default"; }

ModelFiles open_bundle(const fs::path& directory) {
  const base::Stopwatch watch;
  const Bundle bundle = Bundle::open_without_model(directory);
  ModelFiles model;
  model.name = bundle.name();
  model.sha256 = bundle.sha256();
  model.model_pt = bundle.model_pt();
  model.folder = directory;
  model.auto_precision = bundle.manifest().auto_precision;
  model.probe_text = bundle.probe_text();
  model.config = bundle.config();
  model.tokenizer = bundle.shared_tokenizer();
  model.defaults = model_defaults(bundle);
  model.prompt_prefix = bundle.prompt_prefix();
  model.templates = bundle.templates();
  model.verify = [bundle] { bundle.verify_model(); };
  base::log_debug("model opened", {{"folder", base::LogPath(directory)},
                                   {"layers", model.config.n_layer},
                                   {"width", model.config.n_embd},
                                   {"context", model.config.n_positions},
                                   {"vocabulary", model.config.vocab_size},
                                   {"load", watch.elapsed()}});
  std::error_code ignored;
  model.installed = fs::equivalent(directory, installed_model(), ignored);
  return model;
}

// A Hugging Face folder, by way of the bundle that is kept of it. One that cannot be opened is made
// anew, as packed weights are.
ModelFiles open_checkpoint(const fs::path& place) {
  ConvertedModel converted = converted_model(place);
  ModelFiles model;
  try {
    model = open_bundle(converted.folder);
  } catch (const Error& error) {
    base::log_debug("the converted model is made anew", {{"why", base::LogError(error)}});
    converted = converted_model(place, /*anew=*/true);
    model = open_bundle(converted.folder);
  }
  const std::string copy = converted.folder.string();
  for (std::string& note : model.defaults.notes) {  // the user's file is the one to correct
    if (note.starts_with(copy)) note.replace(0, copy.size(), place.string());
  }
  model.verify = [of_bundle = model.verify, of_checkpoint = converted.verify_checkpoint] {
    of_bundle();
    of_checkpoint();
  };
  return model;
}

// The context of an archive without a config.json: its number of position embeddings.
int context_of(const bundle::TorchScriptWeights& weights, const fs::path& file) {
  for (const bundle::ParameterSpec& tensor : weights.specs()) {
    if (tensor.name.ends_with("wpe.weight") && tensor.shape.size() == 2) {
      return static_cast<int>(std::clamp<std::int64_t>(tensor.shape[0], 1, 1 << 20));
    }
  }
  model_error(file.string() + " does not state its context length: put its config.json beside it");
}

void require_all_ids(const ModelFiles& model, int rows) {
  base::require_all_ids(*model.tokenizer, rows,
                        {"the tokenizer", "the model " + model.name + " knows only",
                         "give the tokenizer that the model was trained with"});
}

// A foreign TorchScript file. Its tensors are read as data; what keeps that from being
// enough is remembered, since its own code may be the only way to run it.
ModelFiles open_file(const fs::path& file, const std::optional<std::string>& tokenizer) {
  refuse_part_of_checkpoint(file);
  if (!tokenizer) {
    throw Error(ErrorCode::kUsage,
                "the model " + file.string() +
                    " is a file, so its tokenizer must be named too: give `tokenizer` DIR");
  }
  ModelFiles model;
  model.name = file.stem().string();
  model.model_pt = file;
  model.tokenizer = load_tokenizer(*tokenizer);
  const auto use_prefix = [&] {
    const std::vector<TokenId> before = model.tokenizer->text_frame().before;
    if (!before.empty()) model.prompt_prefix = before.front();
  };
  use_prefix();
  bundle::TorchScriptWeights weights =
      bundle::TorchScriptWeights::open(file);  // which refuses what is not a file
  model.sha256 = base::sha256_of_file(file, ErrorCode::kModel);
  const fs::path config = file.parent_path() / "config.json";
  if (!fs::exists(config)) {
    model.not_gpt2 = "there is no config.json beside it to say what its tensors are for";
    model.config.n_positions = context_of(weights, file);
    return model;
  }
  model.config = bundle::read_config(config);
  model.tokenizer = load_tokenizer(*tokenizer, model.config.vocab_size);
  use_prefix();
  try {
    model.config =
        bundle::Gpt2Parameters::of(std::move(weights), file.string(), model.config).config();
  } catch (const Error& error) {
    model.not_gpt2 = error.what();
    base::log_debug("the file is no GPT-2 that is read as data",
                    {{"file", base::LogPath(file)}, {"why", base::LogError(error)}});
    return model;
  }
  require_all_ids(model, model.config.vocab_size);  // before the probe text meets the model
  model.defaults = model_defaults(file.parent_path(), model.config, *model.tokenizer);
  return model;
}

}  // namespace

fs::path default_model() {
  std::error_code error;
  std::vector<fs::path> places = {installed_model()};
#ifdef MEDGEN_BUILD_DIR  // not in a package
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (program.parent_path() == MEDGEN_BUILD_DIR) places.emplace_back(MEDGEN_BUILD_DEFAULT_MODEL);
#endif
  std::string tried;
  for (const fs::path& place : places) {
    if (fs::exists(place / "manifest.json", error)) return place;
    tried += (tried.empty() ? "" : " and ") + place.string();
  }
  model_error("no default model: looked in " + tried + "; name a model with `model` DIR");
}

ModelFiles open_model(const std::optional<std::string>& path,
                      const std::optional<std::string>& tokenizer) {
  const fs::path place = path ? fs::path(*path) : default_model();
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (!fs::exists(status)) {
    model_error("no model at " + place.string() +
                ": give a folder made by medgen convert or medgen train, or a TorchScript file");
  }
  if (!fs::is_directory(status)) return open_file(place, tokenizer);
  if (tokenizer) {
    throw Error(ErrorCode::kUsage,
                "`tokenizer` is for a model that is a .pt file; " + place.string() +
                    " is a folder with a tokenizer of its own: leave `tokenizer` out");
  }
  return is_checkpoint(place) ? open_checkpoint(place) : open_bundle(place);
}

wiring::ModelSource source_of(const ModelFiles& model) {
  return {model.model_pt,       model.folder,     model.sha256,    model.config, model.not_gpt2,
          model.auto_precision, model.probe_text, model.tokenizer, model.verify, model.installed};
}

std::unique_ptr<Backend> open_backend(const ModelFiles& model, const BackendOptions& options) {
  wiring::ModelSource source = source_of(model);
  if (model.folder.empty() && model.not_gpt2.empty() &&
      options.backend != BackendKind::kTorchScript && options.device == Device::kCpu &&
      options.precision == WeightPrecision::kAuto) {
    source.auto_precision = wiring::remembered_precision(source);
  }
  auto backend = wiring::open_backend(source, options);
  require_all_ids(model, backend->info().vocab_size);
  return backend;
}

std::vector<TokenId> prompt_tokens(const ModelFiles& model, std::string_view prompt,
                                   Specials specials) {
  const Tokenizer& tokenizer = *model.tokenizer;
  std::vector<TokenId> tokens = tokenizer.encode(prompt, specials);
  if (model.prompt_prefix) tokens.insert(tokens.begin(), *model.prompt_prefix);
  const TextFrame frame = tokenizer.text_frame();
  tokens.insert(tokens.end(), frame.after.begin(), frame.after.end());
  if (!tokens.empty()) return tokens;
  const std::optional<TokenId> first = tokenizer.bos_id() ? tokenizer.bos_id() : tokenizer.eos_id();
  if (!first) {
    throw Error(ErrorCode::kUsage,
                "the prompt is empty and this tokenizer has neither BOS nor EOS to start from: "
                "give a text");
  }
  return {*first};
}

int kept_prompt_tokens(int prompt_tokens, int n_positions, const StoppingParams& stopping) {
  if (stopping.max_new_tokens) {
    if (prompt_tokens <= n_positions) return prompt_tokens;
    return std::max((n_positions + 1) / 2, n_positions - *stopping.max_new_tokens);
  }
  const int limit = std::min(n_positions, stopping.max_length);
  if (prompt_tokens <= n_positions && prompt_tokens < stopping.max_length) return prompt_tokens;
  return std::max(1, limit / 2);
}

void settle_precision(const fs::path& directory,
                      const std::function<void(const std::string&)>& note,
                      const wiring::PrecisionProgress& progress) {
  const wiring::ModelSource source = source_of(open_bundle(directory));
  const std::string obstacle = native::unsupported_reason(source.config);
  if (!obstacle.empty()) {
    note("the TorchScript back end will run this model: " + obstacle);
    return;
  }
  const wiring::PrecisionReport report = wiring::measure_precisions(source, progress);
  record_precision(directory, report.auto_precision, report.perplexity);
  std::string line = "the native engine will run it in ";
  line += report.auto_precision + " (perplexity of the probe text:";
  for (const auto& [name, perplexity] : report.perplexity) {
    line += fmt::format(" {} {:.4g}", name, perplexity);
  }
  note(line + ")");
}

}  // namespace medgen::jobs
