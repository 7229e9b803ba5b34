// See the header.
#include "jobs/model_defaults.h"

#include <fmt/format.h>

#include <functional>

#include "base/files.h"
#include "base/json.h"
#include "bundle/enclosed_file.h"
#include "engine/generation_config.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 16U << 20U;

// The file's text; empty if there is none.
using ReadText = std::function<std::string(const char* name)>;

// What config.json holds besides the architecture. That it is JSON is checked where that is read;
// an object of more members than are read holds none of ours.
engine::SettingsJson keys_in_config(const std::string& text) {
  const auto config = base::parse_json<engine::SettingsJson>(text);
  if (!config.is_object()) return engine::SettingsJson::object();
  return engine::generation_keys_of(config);
}

// transformers 5 reads one of the two files, too.
void note_other_values(const engine::SettingsJson& config, GenerationConfig& found) {
  const auto file = base::parse_json<engine::SettingsJson>(found.text);
  std::vector<std::string> names;
  for (const auto& [name, value] : config.items()) {
    if (!file.is_object() || !file.contains(name) || file[name] != value) names.push_back(name);
  }
  if (names.empty()) return;
  found.notes.push_back(
      fmt::format("config.json sets {} otherwise than generation_config.json, which holds",
                  fmt::join(names, ", ")));
}

void add_eos(engine::ModelDefaults& defaults, const ModelConfig& config) {
  if (!config.eos_token_id || defaults.settings.contains("eos_token_id")) return;
  defaults.settings["eos_token_id"] = *config.eos_token_id;
}

engine::ModelDefaults defaults_of(const std::string& text, const std::string& source,
                                  const ModelConfig& config, const Tokenizer& tokenizer) {
  engine::ModelDefaults defaults;
  if (!text.empty()) defaults = engine::parse_generation_config(text, source);
  add_eos(defaults, config);
  engine::fit_to_vocabulary(defaults, tokenizer, source);
  return defaults;
}

GenerationConfig chosen(const fs::path& folder, const ReadText& text_of) {
  GenerationConfig found;
  const engine::SettingsJson keys = keys_in_config(text_of("config.json"));
  found.text = text_of("generation_config.json");
  const bool in_file = !found.text.empty();
  if (!in_file && keys.empty()) return found;
  if (!in_file) found.text = keys.dump(2) + "\n";
  found.source = (folder / (in_file ? "generation_config.json" : "config.json")).string();
  engine::parse_generation_config(found.text, found.source);  // which bounds what is read again
  if (in_file) note_other_values(keys, found);
  return found;
}

}  // namespace

GenerationConfig generation_config_of(const fs::path& folder) {
  return chosen(folder, [&](const char* name) {
    const auto file = bundle::find_enclosed_file(folder, name);
    return file ? base::read_file(*file, kMaxConfigBytes, ErrorCode::kModel) : std::string();
  });
}

engine::ModelDefaults model_defaults(const Bundle& bundle) {
  try {
    return defaults_of(bundle.generation_config(),
                       (bundle.directory() / "generation_config.json").string(), bundle.config(),
                       bundle.tokenizer());
  } catch (const Error& error) {
    throw Error(error.code(),
                std::string(error.what()) +
                    ". Correct it in the checkpoint that the model was made of, and convert that "
                    "again");
  }
}

engine::ModelDefaults model_defaults(const fs::path& folder, const ModelConfig& config,
                                     const Tokenizer& tokenizer) {
  const GenerationConfig found = chosen(folder, [&](const char* name) {
    const fs::path file = folder / name;
    return base::is_file(file) ? base::read_file(file, kMaxConfigBytes, ErrorCode::kModel)
                               : std::string();
  });
  return defaults_of(found.text, found.source, config, tokenizer);
}

}  // namespace medgen::jobs
