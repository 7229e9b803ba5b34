// `medgen inspect`: what a model is, from its folder alone. Never loads libtorch.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "engine/model_defaults.h"
#include "engine/settings.h"
#include "jobs/converted.h"
#include "jobs/model_defaults.h"
#include "jobs/model_files.h"
#include "medgen/bundle.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kCardLines = 12;

struct Inspected {
  const Bundle& bundle;
  engine::ModelDefaults defaults;
  DecodingArguments decoding;
};

// Packed weights come and go as the engine runs, and anybody's may lie there.
constexpr std::string_view kNotChecked =
    "  Not checked: manifest.json itself, for which there is no checksum, and whatever else lies "
    "in\n"
    "  the folder. Packed weights (packed-*.bin) are not part of the model; whether they fit it "
    "and\n"
    "  are this user's is checked whenever they are used.\n";

std::string first_lines(const std::string& text, int count) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; count > 0 && std::getline(lines, line); --count) out += line + "\n";
  return out;
}

// The settings that a text would be generated under, each with what sets it: "option" (or the
// environment, or a configuration file), "model" or "medgen".
Json defaults_json(const Inspected& inspected) {
  const Json given = given_settings(inspected.decoding);
  const Json model = engine::in_force(given, inspected.defaults);
  const bool greedy = model.contains("do_sample") && model["do_sample"] == false;
  Json settings = engine::settings_json(resolve(inspected.decoding, inspected.defaults));
  if (!settings.contains("eos_token_id") && inspected.bundle.tokenizer().eos_id()) {
    settings["eos_token_id"] = *inspected.bundle.tokenizer().eos_id();
  }
  Json json = Json::object();
  for (const auto& [name, value] : settings.items()) {
    const bool by_model = model.contains(name) || (name == "temperature" && greedy);
    json[name] = {{"value", value},
                  {"from", given.contains(name) ? "option"
                           : by_model           ? "model"
                                                : "medgen"}};
  }
  return json;
}

std::string defaults_text(const Inspected& inspected) {
  const Json defaults = defaults_json(inspected);
  std::string text;
  for (const auto& [name, entry] : defaults.items()) {
    text += fmt::format("  {:34}{:24}{}\n", name, entry["value"].dump(),
                        entry["from"].get<std::string>());
  }
  return text;
}

Json templates_json(const Templates& templates) {
  Json json = Json::object();
  for (const auto& [name, task] : templates) {
    json[name] = Json{{"prefix", task.prefix},
                      {"suffix", task.suffix},
                      {"stop", task.stop},
                      {"bad_words", task.bad_words},
                      {"notice", task.notice}};
    if (!task.never_say.empty()) json[name]["never_say"] = task.never_say;
    if (task.specials) json[name]["specials"] = true;
  }
  return json;
}

std::string templates_text(const Templates& templates) {
  std::string text;
  for (const std::string& name : task_names()) {
    const auto found = templates.find(name);
    if (found == templates.end()) continue;
    const TaskTemplate& task = found->second;
    text += fmt::format("  {:12}{}\n              {}\n", name,
                        Json(task.prefix + "TEXT" + task.suffix)
                            .dump(-1, ' ', false, Json::error_handler_t::replace),
                        task.notice);
  }
  return text;
}

Json tokenizer_json(const Bundle& bundle) {
  const Tokenizer& tokenizer = bundle.tokenizer();
  Json json{{"kind", bundle.manifest().tokenizer_kind}, {"size", tokenizer.vocab_size()}};
  const auto set = [&](const char* key, std::optional<TokenId> id) {
    if (id) json[key] = *id;
  };
  set("bos", tokenizer.bos_id());
  set("eos", tokenizer.eos_id());
  set("pad", tokenizer.pad_id());
  set("unk", tokenizer.unk_id());
  set("before_prompt", bundle.prompt_prefix());
  if (const TextFrame frame = tokenizer.text_frame(); !frame.after.empty())
    json["after_prompt"] = frame.after;
  json["added"] = Json::array();
  for (const AddedToken& token : tokenizer.added_tokens())
    json["added"].push_back(
        Json{{"id", token.id}, {"special", token.special}, {"text", token.text}});
  return json;
}

// The first few; `tokenize --added` shows all.
std::string added_tokens_line(const Tokenizer& tokenizer) {
  constexpr std::size_t kShown = 6;
  const std::vector<AddedToken> added = tokenizer.added_tokens();
  std::string line;
  for (std::size_t i = 0; i < std::min(kShown, added.size()); ++i) {
    line += fmt::format("{}{} {}{}", i == 0 ? "" : ", ", added[i].id,
                        Json(added[i].text).dump(-1, ' ', false, Json::error_handler_t::replace),
                        added[i].special ? " (special)" : "");
  }
  if (added.size() > kShown) line += fmt::format(" and {} more", added.size() - kShown);
  return line.empty() ? "none" : line;
}

Json to_json(const Inspected& inspected) {
  const Bundle& bundle = inspected.bundle;
  const ModelConfig& config = bundle.config();
  Json json;
  json["name"] = bundle.name();
  json["architecture"] = Json{{"type", "gpt2"},
                              {"n_layer", config.n_layer},
                              {"n_head", config.n_head},
                              {"n_embd", config.n_embd},
                              {"n_inner", config.n_inner},
                              {"activation_function", config.activation_function},
                              {"tie_word_embeddings", config.tie_word_embeddings}};
  json["parameters"] = bundle.manifest().parameter_count;
  json["precision"] = bundle.manifest().dtype;
  json["context"] = config.n_positions;
  json["vocabulary"] = config.vocab_size;
  json["tokenizer"] = tokenizer_json(bundle);
  json["generation"] = inspected.defaults.settings;
  json["defaults"] = defaults_json(inspected);
  json["notes"] = inspected.defaults.notes;
  json["templates"] = templates_json(bundle.templates());
  json["made_by"] = "medgen " + bundle.manifest().tool_version;
  json["sha256"] = bundle.sha256();
  json["files"] = Json::array();
  for (const BundleFile& file : bundle.manifest().files) {
    json["files"].push_back(
        Json{{"name", file.name}, {"sha256", file.sha256}, {"size", file.size}});
  }
  json["card"] = first_lines(bundle.model_card(), kCardLines);
  return json;
}

std::string to_text(const Inspected& inspected) {
  const Bundle& bundle = inspected.bundle;
  const ModelConfig& config = bundle.config();
  std::string out = fmt::format(
      "name          {}\n"
      "architecture  GPT-2: {} layers, {} heads, width {}, feed-forward {}, {}{}\n"
      "parameters    {}\n"
      "precision     {}\n"
      "context       {} tokens\n"
      "vocabulary    {}\n"
      "tokenizer     {}, {} ids\n"
      "added tokens  {}\n"
      "generation    {}\n"
      "made by       medgen {}\n\n"
      "files of the manifest, length and SHA-256 of each as it says (SHA-256, bytes, name)\n",
      bundle.name(), config.n_layer, config.n_head, config.n_embd, config.n_inner,
      config.activation_function, config.tie_word_embeddings ? "" : ", separate output head",
      bundle.manifest().parameter_count, bundle.manifest().dtype, config.n_positions,
      config.vocab_size, bundle.manifest().tokenizer_kind, bundle.tokenizer().vocab_size(),
      added_tokens_line(bundle.tokenizer()), inspected.defaults.settings.dump(),
      bundle.manifest().tool_version);
  for (const BundleFile& file : bundle.manifest().files) {
    out += fmt::format("  {}  {}  {}\n", file.sha256, file.size, file.name);
  }
  out += kNotChecked;
  out += "\nsettings of a text, and what sets them\n" + defaults_text(inspected);
  for (const std::string& note : inspected.defaults.notes) out += fmt::format("  {}\n", note);
  if (!bundle.templates().empty()) {
    out += "\ntasks, their forms and notices\n" + templates_text(bundle.templates());
  }
  out += "\ncard\n";
  std::istringstream card(first_lines(bundle.model_card(), kCardLines));
  for (std::string line; std::getline(card, line);) out += fmt::format("  {}\n", line);
  return out;
}

}  // namespace

int inspect_command(const Arguments& words) {
  std::optional<std::string> model;
  bool json = false;
  DecodingArguments decoding;
  CommandLine line(
      "medgen inspect",
      "Shows what a model is: architecture, size, precision, tokenizer, context, the files of its "
      "manifest (their checksums are verified), the settings that a text would be generated under "
      "and what sets them (an option, the model or medgen), and the first lines of its card.");
  line.positional(reads_model("MODEL"), model, false,
                  "The model's folder. Default: the model that comes with medgen.");
  line.flag("--json", json, "Print one JSON object.");
  declare(line, decoding);
  line.config_file();
  line.parse(words);
  check(decoding);

  const std::filesystem::path place = model ? std::filesystem::path(*model) : jobs::default_model();
  if (std::filesystem::is_regular_file(place)) {
    throw Error(ErrorCode::kModel,
                fmt::format("{} is a file, and inspect reads model folders: make one with medgen "
                            "convert FILE.pt OUT --tokenizer DIR",
                            place.string()));
  }
  const Bundle bundle = Bundle::open(jobs::bundle_at(place));
  finish_loading(safety::Writes::kNothing);
  const Inspected inspected{bundle, jobs::model_defaults(bundle), decoding};
  Output output(STDOUT_FILENO);
  if (json) {
    output.write(to_json(inspected).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    const std::string text = to_text(inspected);
    output.write(visible(text));
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
