// `medgen explain`: how the settings turn the model's next-token distribution into what is drawn
// from; for a person as a table, for programs as JSON, for many rows as lines of JSON.
#include "jobs/explain.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/lines.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/options/option_words.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "medgen/error.h"
#include "safety/notice.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;
using Stage = jobs::ExplainStage;

struct ExplainArguments {
  std::optional<std::string> text, prompt_file, prompt_ids, model, tokenizer;
  std::optional<int> top;
  BackendArguments backend;
  DecodingArguments decoding;
  bool specials = false, json = false, jsonl = false, quiet = false;
};

ExplainArguments parse_explain(const Arguments& words) {
  ExplainArguments a;
  CommandLine line(
      "medgen explain",
      "Shows how the decoding settings change the next token's probabilities, step by step: how "
      "many tokens and how much probability each step leaves, and which tokens are left at the "
      "end.");
  declare_text(line, a.text, a.prompt_file, "Text whose next token is explained.");
  declare_prompt_tokens(line, a.prompt_ids, a.specials);
  line.flag(
      "--jsonl", a.jsonl,
      "Answer lines {\"prompt_ids\":[...],\"generated_ids\":[...],\"settings\":{...}} of standard "
      "input one by one. Settings that a line does not name are off (temperature 1). With "
      "\"logits\":[...] of its own a line needs no model. A line that cannot be answered gives "
      "{\"error\":{\"code\",\"message\"}}.");
  line.flag("--json", a.json, "Print one line of JSON instead of a table.");
  line.number("--top", a.top, "How many tokens to show for each step; 1 to 1000. Default: 5.");
  line.flag("--quiet", a.quiet, "Print no notice.");
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.backend);
  declare(line, a.decoding);
  line.config_file();
  line.parse(words);
  if (a.top && (*a.top < 1 || *a.top > 1000)) {
    base::refuse_value("top", fmt::to_string(*a.top), "from 1 to 1000", "5 is usual");
  }
  return a;
}

jobs::ExplainAsked asked(const ExplainArguments& a) {
  return {a.model, a.tokenizer, resolve(a.backend),
          [] { finish_loading(safety::Writes::kNothing); },
          [](const std::string& message) { return with_flags(message); }};
}

int answer_lines(const ExplainArguments& arguments) {
  if (arguments.text || arguments.prompt_file || arguments.prompt_ids || arguments.specials ||
      arguments.json || !given_settings(arguments.decoding).empty()) {
    throw Error(ErrorCode::kUsage,
                "--jsonl takes prompts and settings from its lines: leave the other options out");
  }
  base::Lines lines(base::descriptor_blocks(STDIN_FILENO, "standard input"), base::kMaxLineBytes);
  Output output(STDOUT_FILENO);
  jobs::Explainer explainer(asked(arguments));
  for (base::Line line; lines.next_whole(line);) {
    const Json json = explainer.answer(line.text);
    output.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    output.flush();
  }
  return kExitFine;
}

std::string quoted(const Tokenizer& tokenizer, TokenId id) {
  return Json(text::replace_invalid_utf8(tokenizer.token_bytes(id))).dump();
}

std::string percent(double share) { return fmt::format("{:.4g} %", 100 * share); }

void print_table(Output& output, const std::vector<Stage>& stages, const Tokenizer& tokenizer) {
  output.write(fmt::format("{:34}{:9}{:12}likeliest\n", "step", "tokens", "kept mass"));
  for (const Stage& stage : stages) {
    std::string line = fmt::format("{:34}{:<9}{:12}", stage.name, stage.kept, percent(stage.mass));
    for (std::size_t i = 0; i < stage.top.size(); ++i) {
      const auto& [id, p] = stage.top[i];
      line += fmt::format("{}{} {}", i > 0 ? "  " : "", visible(quoted(tokenizer, id)), percent(p));
    }
    output.write(line + "\n");
  }
  output.flush();
}

Json stage_json(const Stage& stage, const Tokenizer& tokenizer) {
  Json top = Json::array();
  for (const auto& [id, p] : stage.top) {
    top.push_back(
        {{"id", id}, {"text", text::replace_invalid_utf8(tokenizer.token_bytes(id))}, {"prob", p}});
  }
  return Json{{"name", stage.name}, {"kept", stage.kept}, {"mass", stage.mass}, {"top", top}};
}

void print_json(Output& output, const jobs::Explanation& explanation,
                const jobs::ModelFiles& model) {
  Json json;
  json["prompt_ids"] = explanation.prompt;
  json["settings"] = engine::settings_json(explanation.settings);
  json["kept"] = Json::array();
  json["probs"] = Json::array();
  for (const auto& [id, p] : explanation.kept) {
    json["kept"].push_back(id);
    json["probs"].push_back(p);
  }
  json["stages"] = Json::array();
  for (const Stage& stage : explanation.stages) {
    json["stages"].push_back(stage_json(stage, *model.tokenizer));
  }
  json["model"] = {{"name", model.name}, {"sha256", model.sha256}};
  json["notice"] = safety::notice();
  output.write(json.dump() + "\n");
  output.flush();
}

int explain_prompt(const ExplainArguments& arguments) {
  check(arguments.decoding);
  std::vector<TokenId> prompt;
  std::string text;
  if (arguments.prompt_ids) {
    prompt = read_prompt_ids(*arguments.prompt_ids);
  } else {
    text = read_prompt(arguments.text, arguments.prompt_file, Messages(arguments.quiet));
  }
  jobs::Explainer explainer(asked(arguments));
  if (prompt.empty()) {
    prompt = explainer.tokens(text, arguments.specials ? Specials::kParse : Specials::kAsText);
  }
  const jobs::Explanation explanation =
      explainer.explain(std::move(prompt), given_settings(arguments.decoding),
                        static_cast<std::size_t>(arguments.top.value_or(5)));
  note_all(explainer.model().defaults.notes, Messages(arguments.quiet));
  if (!arguments.quiet) Messages::plain(safety::notice());
  Output output(STDOUT_FILENO);
  if (arguments.json) {
    print_json(output, explanation, explainer.model());
  } else {
    print_table(output, explanation.stages, *explainer.model().tokenizer);
  }
  return kExitFine;
}

}  // namespace

int explain_command(const Arguments& words) {
  const ExplainArguments arguments = parse_explain(words);
  return arguments.jsonl ? answer_lines(arguments) : explain_prompt(arguments);
}

}  // namespace medgen::cli
