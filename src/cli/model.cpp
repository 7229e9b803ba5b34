// Finding and opening a model.
// Must not know what is done with it.
#include "cli/model.h"

#include <system_error>
#include <vector>

#include "base/sha256.h"
#include "bundle/config.h"
#include "medgen/error.h"
#include "wiring/torch_module.h"

namespace medgen::cli {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void model_error(const std::string& message) {
  throw Error(ErrorCode::kModel, message);
}

Model open_bundle(const fs::path& directory) {
  const Bundle bundle = Bundle::open(directory);
  return {bundle.name(),
          bundle.sha256(),
          bundle.model_pt(),
          bundle.config(),
          bundle.generation_defaults(),
          bundle.shared_tokenizer(),
          bundle.prompt_prefix(),
          false};
}

Model open_foreign(const fs::path& file, const std::optional<std::string>& tokenizer) {
  if (!tokenizer) {
    throw Error(ErrorCode::kUsage,
                "the model " + file.string() +
                    " is a file, so its tokenizer must be named too: give --tokenizer DIR");
  }
  Model model;
  model.name = file.stem().string();
  model.sha256 = sha256_of_file(file, ErrorCode::kModel);
  model.model_pt = file;
  const fs::path config = file.parent_path() / "config.json";
  if (fs::exists(config)) model.config = read_config(config);
  model.tokenizer = load_tokenizer(*tokenizer);
  model.foreign = true;
  return model;
}

}  // namespace

fs::path default_model() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<fs::path> places = {(program / "../share/medgen/models/default").lexically_normal()};
  if (program == fs::path(MEDGEN_BUILD_DIR)) places.emplace_back(MEDGEN_BUILD_DEFAULT_MODEL);
  std::string tried;
  for (const fs::path& place : places) {
    if (fs::exists(place / "manifest.json", error)) return place;
    tried += (tried.empty() ? "" : " and ") + place.string();
  }
  model_error("no default model: looked in " + tried + "; name a model with --model DIR");
}

Model open_model(const std::optional<std::string>& path,
                 const std::optional<std::string>& tokenizer) {
  const fs::path place = path ? fs::path(*path) : default_model();
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (!fs::exists(status)) {
    model_error("no model at " + place.string() +
                ": give a folder made by medgen convert or medgen train, or a TorchScript file");
  }
  if (!fs::is_directory(status)) return open_foreign(place, tokenizer);
  if (tokenizer) {
    throw Error(ErrorCode::kUsage,
                "--tokenizer is for a model that is a .pt file; " + place.string() +
                    " is a folder with a tokenizer of its own: leave --tokenizer out");
  }
  return open_bundle(place);
}

// The context of an archive without a config.json: the number of its position embeddings.
static int context_of_archive(const fs::path& file) {
  for (const ParameterSpec& tensor : torch_room().open_archive(file).tensors) {
    if (tensor.name.ends_with("wpe.weight") && tensor.shape.size() == 2) {
      return static_cast<int>(tensor.shape[0]);
    }
  }
  model_error(file.string() + " does not tell its context length: put its config.json beside it");
}

std::unique_ptr<Backend> open_backend(const Model& model, const std::string& device, int threads) {
  TorchBackendOptions options;
  options.device = device;
  options.threads = threads;
  ModelConfig config = model.config;
  if (config.n_positions == 0) config.n_positions = context_of_archive(model.model_pt);
  auto backend = torch_room().open_backend(model.model_pt, config, options);
  const int ids = model.tokenizer->vocab_size();
  const int rows = backend->info().vocab_size;
  if (ids > rows) {
    model_error("the tokenizer has " + std::to_string(ids) + " ids but the model " + model.name +
                " knows only " + std::to_string(rows) +
                ": give the tokenizer that the model was trained with");
  }
  return backend;
}

}  // namespace medgen::cli
