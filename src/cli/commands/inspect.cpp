// `medgen inspect`: what a model is, from its folder alone. Never loads libtorch.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "jobs/model_files.h"
#include "medgen/bundle.h"
#include "medgen/error.h"
#include "records/number_text.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kCardLines = 12;

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

Json defaults_json(const GenerationDefaults& defaults) {
  Json json = Json::object();
  if (defaults.temperature) json["temperature"] = records::as_written(*defaults.temperature);
  if (defaults.top_k) json["top_k"] = *defaults.top_k;
  if (defaults.top_p) json["top_p"] = records::as_written(*defaults.top_p);
  if (defaults.max_length) json["max_length"] = *defaults.max_length;
  if (defaults.max_new_tokens) json["max_new_tokens"] = *defaults.max_new_tokens;
  if (defaults.num_return_sequences) json["num_return_sequences"] = *defaults.num_return_sequences;
  if (defaults.do_sample) json["do_sample"] = *defaults.do_sample;
  return json;
}

Json templates_json(const Templates& templates) {
  Json json = Json::object();
  for (const auto& [name, task] : templates) {
    json[name] = Json{{"prefix", task.prefix},
                      {"suffix", task.suffix},
                      {"stop", task.stop},
                      {"bad_words", task.bad_words},
                      {"notice", task.notice}};
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

Json to_json(const Bundle& bundle) {
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
  json["tokenizer"] =
      Json{{"kind", bundle.manifest().tokenizer_kind}, {"size", bundle.tokenizer().vocab_size()}};
  json["generation"] = defaults_json(bundle.generation_defaults());
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

std::string to_text(const Bundle& bundle) {
  const ModelConfig& config = bundle.config();
  std::string out = fmt::format(
      "name          {}\n"
      "architecture  GPT-2: {} layers, {} heads, width {}, feed-forward {}, {}{}\n"
      "parameters    {}\n"
      "precision     {}\n"
      "context       {} tokens\n"
      "vocabulary    {}\n"
      "tokenizer     {}, {} ids\n"
      "generation    {}\n"
      "made by       medgen {}\n\n"
      "files of the manifest, length and SHA-256 of each as it says (SHA-256, bytes, name)\n",
      bundle.name(), config.n_layer, config.n_head, config.n_embd, config.n_inner,
      config.activation_function, config.tie_word_embeddings ? "" : ", separate output head",
      bundle.manifest().parameter_count, bundle.manifest().dtype, config.n_positions,
      config.vocab_size, bundle.manifest().tokenizer_kind, bundle.tokenizer().vocab_size(),
      defaults_json(bundle.generation_defaults()).dump(), bundle.manifest().tool_version);
  for (const BundleFile& file : bundle.manifest().files) {
    out += fmt::format("  {}  {}  {}\n", file.sha256, file.size, file.name);
  }
  out += kNotChecked;
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
  CommandLine line(
      "medgen inspect",
      "Shows what a model is: architecture, size, precision, tokenizer, context, the files of its "
      "manifest (their checksums are verified) and the first lines of its card.");
  line.positional(reads("MODEL"), model, false,
                  "The model's folder. Default: the model that comes with medgen.");
  line.flag("--json", json, "Print one JSON object.");
  line.parse(words);

  const std::filesystem::path place = model ? std::filesystem::path(*model) : jobs::default_model();
  if (std::filesystem::is_regular_file(place)) {
    throw Error(ErrorCode::kModel,
                fmt::format("{} is a file, and inspect reads model folders: make one with medgen "
                            "convert FILE.pt OUT --tokenizer DIR",
                            place.string()));
  }
  const Bundle bundle = Bundle::open(place);
  Output output(STDOUT_FILENO);
  if (json) {
    output.write(to_json(bundle).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    const std::string text = to_text(bundle);
    output.write(visible(text));
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
