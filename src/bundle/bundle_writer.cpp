// BundleWriter of medgen/bundle.h. Does not know where weights come from: model.pt is written by
// the caller.
#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/sha256.h"
#include "base/vocabulary.h"
#include "bundle/config.h"
#include "bundle/enclosed_file.h"
#include "bundle/file_kind.h"
#include "bundle/json_text.h"
#include "bundle/manifest.h"
#include "medgen/bundle.h"
#include "medgen/error.h"
#include "medgen/version.h"

namespace medgen {
using namespace bundle;
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxManifestBytes = 16U << 20U;

// --replace must not be able to remove a folder that holds anything else.
base::StagedDirectory::Existing existing_rule(const fs::path& directory, bool replace) {
  if (!replace) return base::StagedDirectory::Existing::kRefuse;
  std::error_code ignored;
  if (fs::is_directory(directory, ignored) && !fs::is_empty(directory, ignored) &&
      !base::is_file(directory / "manifest.json")) {
    throw Error(ErrorCode::kUsage, directory.string() +
                                       " is not a bundle (it has no manifest.json), so it is not "
                                       "replaced; choose another name or remove it yourself");
  }
  return base::StagedDirectory::Existing::kReplace;
}

// What may lie beside a vocabulary: see load_tokenizer().
const std::set<std::string> kBesideTokenizer = {"tokenizer_config.json", "special_tokens_map.json",
                                                "added_tokens.json"};

// A tokenizer given as a file of any name is renamed to what load_tokenizer() looks for in a
// folder.
std::string name_in_bundle(const fs::path& given, const fs::path& file) {
  std::error_code ignored;
  if (fs::is_directory(given, ignored) || file.filename() != given.filename()) {
    return file.filename().string();
  }
  return file.extension() == ".model"      ? "tokenizer.model"
         : file.filename() == "vocab.json" ? "vocab.json"
                                           : "tokenizer.json";
}

// A message about the hidden folder, with the name that the user gave.
std::string with_target(std::string message, const base::StagedDirectory& folder) {
  const std::string hidden = folder.path().string();
  for (std::size_t at = message.find(hidden); at != std::string::npos; at = message.find(hidden)) {
    message.replace(at, hidden.size(), folder.target().string());
  }
  return message;
}

}  // namespace

struct BundleWriter::State {
  State(const fs::path& directory, bool replace)
      : folder(directory, existing_rule(directory, replace)) {}
  base::StagedDirectory folder;
  ModelConfig config;
  std::string tokenizer_kind;
};

BundleWriter::BundleWriter(const fs::path& directory, bool replace)
    : state_(std::make_unique<State>(directory, replace)) {}
BundleWriter::BundleWriter(BundleWriter&&) noexcept = default;
BundleWriter::~BundleWriter() = default;

const fs::path& BundleWriter::staging() const { return state_->folder.path(); }

void BundleWriter::add_config(const ModelConfig& config) {
  validate(config);
  state_->config = config;
  base::write_file(staging() / "config.json", config_to_json(config));
}

void BundleWriter::add_tokenizer(const fs::path& tokenizer) {
  std::vector<std::pair<fs::path, std::string>> files;  // each with its name in the bundle
  for (const fs::path& file : tokenizer_files(tokenizer)) {
    const std::string name = name_in_bundle(tokenizer, file);
    const bool beside = kBesideTokenizer.contains(name) && file != tokenizer;
    const auto source = beside ? find_enclosed_file(file.parent_path(), name) : file;
    if (source) files.emplace_back(*source, name);
  }
  for (const auto& [file, name] : files) {
    if (const std::string_view kind = other_kind(beginning_of(file)); !kind.empty()) {
      throw Error(ErrorCode::kModel, file.string() + " is " + std::string(kind));
    }
  }
  // From where it lies, so that errors name the files as given; commit() opens the copy.
  const auto loaded = load_tokenizer(tokenizer, state_->config.vocab_size);
  for (const auto& [file, name] : files)
    base::copy_file_flushed(file, staging() / name, ErrorCode::kModel);
  base::require_all_ids(*loaded, state_->config.vocab_size,
                        {"the tokenizer " + tokenizer.string(), "the model's vocab_size is",
                         "give the tokenizer that the model was trained with"});
  state_->tokenizer_kind = loaded->kind();
}

void BundleWriter::put_bos_before_prompts() {
  const fs::path path = staging() / "tokenizer_config.json";
  nlohmann::json settings = nlohmann::json::object();
  if (fs::exists(path)) settings = read_json_object(path);
  // What a class of transformers would do by itself: it would leave BOS to tokenizer.json.
  const nlohmann::json named = settings.value("tokenizer_class", nlohmann::json());
  const bool gpt2 = named == "GPT2Tokenizer" || named == "GPT2TokenizerFast";
  if (gpt2 && !settings.contains("add_prefix_space")) settings["add_prefix_space"] = false;
  if (fs::exists(staging() / "tokenizer.json")) settings.erase("tokenizer_class");
  settings["add_bos_token"] = true;
  base::write_file(path, settings.dump(2) + "\n");
}

void BundleWriter::add_generation_config(std::string_view json) {
  if (json.empty()) json = "{}\n";
  parse_json_object(json, "generation_config.json");
  base::write_file(staging() / "generation_config.json", json);
}

void BundleWriter::add_model_card(std::string_view markdown) {
  base::write_file(staging() / "MODEL_CARD.md", markdown);
}

void BundleWriter::add_templates(std::string_view json) {
  parse_templates(json, "templates.json");
  base::write_file(staging() / "templates.json", json);
}

void BundleWriter::add_probe_text(std::string_view text) {
  base::write_file(staging() / "probe.txt", text);
}

void BundleWriter::commit(const std::string& name, const std::string& dtype,
                          const std::function<void(const fs::path& staged)>& last) {
  Manifest manifest;
  manifest.format_version = kBundleFormatVersion;
  manifest.name = name;
  manifest.tool_version = std::string(version());
  manifest.tokenizer_kind = state_->tokenizer_kind;
  manifest.dtype = dtype;
  manifest.parameter_count = state_->config.parameter_count();
  for (const auto& entry : fs::directory_iterator(staging())) {
    manifest.files.push_back({entry.path().filename().string(), base::sha256_of_file(entry.path()),
                              static_cast<std::uint64_t>(entry.file_size())});
  }
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const BundleFile& a, const BundleFile& b) { return a.name < b.name; });
  if (fs::exists(staging() / "templates.json")) {  // perhaps copied from elsewhere
    parse_templates(
        base::read_file(staging() / "templates.json", std::uint64_t{1} << 20U, ErrorCode::kModel),
        "templates.json");
  }
  const std::string text = manifest_to_json(manifest);
  parse_manifest(text, "the new manifest.json");  // catches a part that was not added
  base::write_file(staging() / "manifest.json", text);
  try {
    Bundle::open_without_model(staging());  // whatever would be wrong with it, before it is there
    if (last) last(staging());
  } catch (const Error& error) {
    throw Error(error.code(), with_target(error.what(), state_->folder));
  }
  state_->folder.commit();
}

void record_precision(const fs::path& directory, const std::string& auto_precision,
                      const std::vector<std::pair<std::string, double>>& probe_perplexity) {
  const fs::path path = directory / "manifest.json";
  Manifest manifest =
      parse_manifest(base::read_file(path, kMaxManifestBytes, ErrorCode::kModel), path.string());
  manifest.auto_precision = auto_precision;
  manifest.probe_perplexity = probe_perplexity;
  base::write_file_atomically(path, manifest_to_json(manifest));
}

}  // namespace medgen
