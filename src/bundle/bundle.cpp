// See medgen/bundle.h. Trusts nothing it reads: a bundle may be damaged, incomplete or hostile.
#include "medgen/bundle.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/sha256.h"
#include "base/vocabulary.h"
#include "bundle/config.h"
#include "bundle/fail.h"
#include "bundle/json_text.h"
#include "bundle/manifest.h"
#include "medgen/error.h"

namespace medgen {
using namespace bundle;
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxTextBytes = 16U << 20U;
constexpr const char* kGetAgain = "; get the bundle again or convert the model again";

void require_bundle(const fs::path& directory) {
  std::error_code ignored;
  const std::string shown = directory.string();
  if (!fs::exists(directory, ignored)) {
    fail("there is no model at " + shown + "; give the folder of a bundle");
  }
  if (!fs::is_directory(directory, ignored)) {
    fail(shown + " is not a folder; a bundle is one, with a manifest.json in it");
  }
  if (base::is_file(directory / "manifest.json")) return;
  if (base::is_file(directory / "config.json")) {
    fail(shown +
         " is not a bundle (it has no manifest.json) but looks like a Hugging Face checkpoint; "
         "make a bundle of it with: medgen convert " +
         shown + " OUT_DIR");
  }
  fail(shown +
       " is not a bundle: it has no manifest.json; give the folder that \"medgen convert\" or "
       "\"medgen train\" wrote");
}

void verify_size(const fs::path& directory, const BundleFile& file) {
  const fs::path path = directory / file.name;
  if (!base::is_file(path)) {
    fail(path.string() + " is missing, though manifest.json lists it" + kGetAgain);
  }
  const std::uint64_t size = fs::file_size(path);
  if (size != file.size) {
    fail(fmt::format("{} has {} bytes; manifest.json expects {}{}", path.string(), size, file.size,
                     kGetAgain));
  }
}

void verify_checksum(const fs::path& directory, const BundleFile& file) {
  const fs::path path = directory / file.name;
  const std::string found = base::sha256_of_file(path, ErrorCode::kModel);
  if (found != file.sha256) {
    fail(path.string() + " has SHA-256 " + found + "; manifest.json expects " + file.sha256 +
         ", so the file was changed or damaged" + kGetAgain);
  }
}

bool lists(const Manifest& manifest, const std::string& name) {
  return std::any_of(manifest.files.begin(), manifest.files.end(),
                     [&](const BundleFile& file) { return file.name == name; });
}

// The model's text must not depend on a tokenizer file that the manifest does not vouch
// for.
void require_listed(const fs::path& directory, const Manifest& manifest) {
  for (const fs::path& path : tokenizer_files(directory)) {
    const std::string name = path.filename().string();
    if (!lists(manifest, name)) {
      fail(path.string() +
           " would be read as the tokenizer but is not listed in manifest.json; remove "
           "it" +
           kGetAgain);
    }
  }
}

std::optional<TokenId> first_of(const std::vector<TokenId>& ids) {
  return ids.empty() ? std::nullopt : std::optional(ids.front());
}

std::optional<TokenId> prompt_prefix_of(const Tokenizer& tokenizer,
                                        const fs::path& tokenizer_config,
                                        const ModelConfig& config) {
  const std::optional<TokenId> framed = first_of(tokenizer.text_frame().before);
  if (!base::is_file(tokenizer_config)) return framed;
  const nlohmann::json settings = read_json_object(tokenizer_config);
  if (settings.value("add_bos_token", nlohmann::json()) != true) return framed;
  // Where transformers reads a tokenizer.json, that alone says what goes before a text.
  const bool elsewhere = base::is_file(tokenizer_config.parent_path() / "tokenizer.json") &&
                         !settings.value("tokenizer_class", nlohmann::json()).is_null();
  if (elsewhere || settings.contains("bos_token")) return framed;
  if (config.bos_token_id) return config.bos_token_id;
  if (framed) return framed;
  fail(tokenizer_config.string() +
       ": add_bos_token is true but neither config.json has a bos_token_id nor the tokenizer a "
       "BOS");
}

}  // namespace

Bundle Bundle::open(const fs::path& directory) { return read(directory, true); }

Bundle Bundle::open_without_model(const fs::path& directory) { return read(directory, false); }

Bundle Bundle::read(const fs::path& directory, bool with_model) {
  require_bundle(directory);
  const auto text = [&](const char* name) {
    return base::read_file(directory / name, kMaxTextBytes, ErrorCode::kModel);
  };
  const auto path_of = [&](const char* name) { return (directory / name).string(); };

  Bundle bundle;
  bundle.directory_ = directory;
  bundle.manifest_ = parse_manifest(text("manifest.json"), path_of("manifest.json"));
  for (const BundleFile& file : bundle.manifest_.files) {
    verify_size(directory, file);
    if (with_model || file.name != "model.pt") verify_checksum(directory, file);
  }
  bundle.config_ = parse_config(text("config.json"), path_of("config.json"));
  bundle.generation_config_ = text("generation_config.json");
  parse_json_object(bundle.generation_config_, path_of("generation_config.json"));
  const std::int64_t expected = bundle.config_.parameter_count();
  if (bundle.manifest_.parameter_count != expected) {
    fail(fmt::format("{}: parameter_count is {} but config.json describes {}{}",
                     path_of("manifest.json"), bundle.manifest_.parameter_count, expected,
                     kGetAgain));
  }
  require_listed(directory, bundle.manifest_);
  bundle.tokenizer_ = load_tokenizer(directory, bundle.config_.vocab_size);
  if (bundle.tokenizer_->kind() != bundle.manifest_.tokenizer_kind) {
    fail(path_of("manifest.json") + ": tokenizer_kind is \"" + bundle.manifest_.tokenizer_kind +
         "\" but the tokenizer's files are of kind \"" + std::string(bundle.tokenizer_->kind()) +
         "\"" + kGetAgain);
  }
  base::require_all_ids(
      *bundle.tokenizer_, bundle.config_.vocab_size,
      {directory.string() + ": the tokenizer", "the model (vocab_size in config.json) only",
       "convert the model again with the tokenizer it was trained with"});
  bundle.prompt_prefix_ =
      prompt_prefix_of(*bundle.tokenizer_, directory / "tokenizer_config.json", bundle.config_);
  if (lists(bundle.manifest_, "templates.json")) {
    bundle.templates_ = parse_templates(text("templates.json"), path_of("templates.json"));
  }
  if (lists(bundle.manifest_, "probe.txt")) bundle.probe_text_ = text("probe.txt");
  return bundle;
}

static const BundleFile& model_file(const Manifest& manifest) {
  return *std::find_if(manifest.files.begin(), manifest.files.end(),
                       [](const BundleFile& file) { return file.name == "model.pt"; });
}

const std::string& Bundle::sha256() const { return model_file(manifest_).sha256; }

void Bundle::verify_model() const { verify_checksum(directory_, model_file(manifest_)); }

std::string Bundle::model_card() const {
  return base::read_file(directory_ / "MODEL_CARD.md", kMaxTextBytes, ErrorCode::kModel);
}

}  // namespace medgen
