// `medgen explain`: how the settings turn the model's next-token distribution into what is drawn
// from; for a person as a table, for programs as JSON, for many rows as lines of JSON.
#include "engine/explain.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/lines.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "safety/notice.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ExplainArguments {
  std::optional<std::string> text, prompt_file, model, tokenizer;
  std::optional<int> top;
  BackendArguments backend;
  DecodingArguments decoding;
  bool json = false, jsonl = false, quiet = false;
};

ExplainArguments parse_explain(const Arguments& words) {
  ExplainArguments a;
  CommandLine line(
      "medgen explain",
      "Shows how the decoding settings change the next token's probabilities, step by step: how "
      "many tokens and how much probability each step leaves, and which tokens are left at the "
      "end.");
  line.positional("TEXT", a.text, false, "Text whose next token is explained.");
  line.text("--prompt-file", "FILE", a.prompt_file,
            "Read the text from FILE (- is standard input).");
  line.exclude("TEXT", "--prompt-file");
  line.flag(
      "--jsonl", a.jsonl,
      "Answer lines {\"prompt_ids\":[...],\"generated_ids\":[...],\"settings\":{...}} of standard "
      "input one by one. Settings that a line does not name are off (temperature 1). With "
      "\"logits\":[...] of its own a line needs no model. A line that cannot be answered gives "
      "{\"error\":{\"code\",\"message\"}}.");
  line.flag("--json", a.json, "Print one line of JSON instead of a table.");
  line.number("--top", a.top, "How many tokens to show for each step; 1 to 1000. Default: 5.");
  line.flag("--quiet", a.quiet, "Print no notice.");
  line.text(
      "--model", "DIR|FILE.pt", a.model,
      "Model folder, or a TorchScript GPT-2 (with --tokenizer). Default: the model that comes "
      "with medgen.");
  line.text("--tokenizer", "DIR", a.tokenizer, "Tokenizer for a --model that is a .pt file.");
  declare(line, a.backend);
  declare(line, a.decoding);
  line.config_file();
  line.parse(words);
  if (a.top && (*a.top < 1 || *a.top > 1000)) {
    throw Error(ErrorCode::kUsage,
                "top is " + std::to_string(*a.top) + "; it must be from 1 to 1000: 5 is usual");
  }
  return a;
}

// The model, opened when something first needs it.
class LazyModel {
 public:
  explicit LazyModel(const ExplainArguments& arguments) : arguments_(arguments) {}

  const jobs::ModelFiles& model() {
    if (!model_) model_ = jobs::open_model(arguments_.model, arguments_.tokenizer);
    return *model_;
  }
  // Logits after the last of `ids`: as wide as the tokenizer.
  std::vector<float> logits(const std::vector<TokenId>& ids) {
    model();
    if (!backend_) backend_ = jobs::open_backend(*model_, resolve(arguments_.backend));
    const BackendInfo& info = backend_->info();
    const int vocab = model_->tokenizer->vocab_size();
    if (ids.size() > static_cast<std::size_t>(info.n_positions)) {
      throw Error(ErrorCode::kUsage, "the context is " + std::to_string(ids.size()) +
                                         " tokens long, the model's only " +
                                         std::to_string(info.n_positions) + "; shorten it");
    }
    for (const TokenId id : ids) {
      if (id >= vocab) {
        throw Error(ErrorCode::kUsage, "the context holds the token id " + std::to_string(id) +
                                           "; ids go from 0 to " + std::to_string(vocab - 1));
      }
    }
    std::vector<Row> rows;
    const int slot = backend_->acquire_slot();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      rows.push_back({slot, ids[i], static_cast<int>(i), i + 1 == ids.size()});
    }
    const auto row = backend_->step(rows);
    std::vector<float> logits(row.begin(), row.begin() + vocab);
    backend_->release_slot(slot);
    return logits;
  }

 private:
  const ExplainArguments& arguments_;
  std::optional<jobs::ModelFiles> model_;
  std::unique_ptr<Backend> backend_;
};

std::vector<TokenId> joined(std::vector<TokenId> first, const std::vector<TokenId>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Fills in what the request takes from a model. The tokenizer is null if none is needed.
const Tokenizer* complete(engine::ExplainRequest& request, LazyModel& lazy, bool model_named) {
  const Tokenizer* tokenizer = nullptr;
  if (model_named || !request.logits) tokenizer = lazy.model().tokenizer.get();
  if (tokenizer != nullptr) engine::resolve_texts(request.settings.sampling, *tokenizer);
  if (!request.logits) {
    const SamplingParams& p = request.settings.sampling;
    request.logits = lazy.logits(joined(request.prompt, request.generated));
    if (p.guidance_scale != 1 && request.unconditional.empty()) {
      std::vector<TokenId> negative = p.negative_prompt_ids;
      if (negative.empty()) negative = {request.prompt.back()};
      request.unconditional = lazy.logits(joined(std::move(negative), request.generated));
    }
  } else if (tokenizer != nullptr &&
             request.logits->size() != static_cast<std::size_t>(tokenizer->vocab_size())) {
    throw Error(ErrorCode::kUsage, "logits holds " + std::to_string(request.logits->size()) +
                                       " numbers; the model's vocabulary has " +
                                       std::to_string(tokenizer->vocab_size()));
  }
  if (request.settings.sampling.guidance_scale != 1 &&
      request.unconditional.size() != request.logits->size()) {
    throw Error(ErrorCode::kUsage,
                "guidance_scale is set and the line has its own logits: give "
                "as many unconditional_logits, too");
  }
  return tokenizer;
}

Json error_json(const char* code, const std::string& message) {
  return Json{{"error", {{"code", code}, {"message", message}}}};
}

Json answer(const std::string& line, engine::Sampler& sampler, LazyModel& lazy, bool model_named) {
  try {
    engine::ExplainRequest request = engine::parse_explain_request(line);
    const Tokenizer* tokenizer = complete(request, lazy, model_named);
    std::vector<TokenId> eos;
    const engine::DecodingContext context =
        engine::explain_context(request, request.logits->size(), tokenizer, eos);
    return engine::explain(sampler, *request.logits, request.settings.sampling, context);
  } catch (const Error& error) {
    const ErrorCode code = error.code();
    return error_json(code == ErrorCode::kUsage   ? "invalid_request"
                      : code == ErrorCode::kModel ? "model"
                                                  : "failed",
                      error.what());
  } catch (const std::bad_alloc&) {
    return error_json("failed", "not enough memory for this line");
  }
}

int answer_lines(const ExplainArguments& arguments) {
  if (arguments.text || arguments.prompt_file || arguments.json ||
      !given_settings(arguments.decoding).empty()) {
    throw Error(ErrorCode::kUsage,
                "--jsonl takes prompts and settings from its lines: leave the other options out");
  }
  base::Lines lines(base::descriptor_blocks(STDIN_FILENO, "standard input"), base::kMaxLineBytes);
  Output output(STDOUT_FILENO);
  engine::Sampler sampler;
  LazyModel lazy(arguments);
  for (base::Line line; lines.next_whole(line);) {
    const Json json = answer(line.text, sampler, lazy, arguments.model.has_value());
    output.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    output.flush();
  }
  return kExitFine;
}

// A step, as tables and JSON show it.
struct Stage {
  std::string name;
  std::size_t kept = 0;
  double mass = 1;
  std::vector<std::pair<TokenId, double>> top;
};

std::vector<std::pair<TokenId, double>> top_of(engine::Candidates& c, std::size_t n) {
  std::vector<std::size_t> order(c.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  n = std::min(n, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return c.logit(a) != c.logit(b) ? c.logit(a) > c.logit(b) : a < b;
                    });
  std::vector<std::pair<TokenId, double>> top;
  for (std::size_t i = 0; i < n; ++i) top.emplace_back(c.id(order[i]), c.probability(order[i]));
  return top;
}

std::string quoted(const Tokenizer& tokenizer, TokenId id) {
  return Json(text::replace_invalid_utf8(tokenizer.token_bytes(id))).dump();
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g %%", 100 * share);
  return text;
}

void print_table(Output& output, const std::vector<Stage>& stages, const Tokenizer& tokenizer) {
  const auto pad = [](std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
  };
  output.write(pad("step", 34) + pad("tokens", 9) + pad("kept mass", 12) + "likeliest\n");
  for (const Stage& stage : stages) {
    std::string line =
        pad(stage.name, 34) + pad(std::to_string(stage.kept), 9) + pad(percent(stage.mass), 12);
    for (std::size_t i = 0; i < stage.top.size(); ++i) {
      const auto& [id, p] = stage.top[i];
      line += (i > 0 ? "  " : "") + visible(quoted(tokenizer, id)) + " " + percent(p);
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

int explain_prompt(const ExplainArguments& arguments) {
  resolve(arguments.decoding, {});  // refuses bad options before anything is loaded
  const std::string prompt = read_prompt(arguments.text, arguments.prompt_file);
  LazyModel lazy(arguments);
  const jobs::ModelFiles& model = lazy.model();
  engine::ExplainRequest request;
  request.settings = resolve(arguments.decoding, model.defaults);
  request.prompt = jobs::prompt_tokens(model, prompt);
  const Tokenizer* tokenizer = complete(request, lazy, true);
  std::vector<TokenId> eos;
  const engine::DecodingContext context =
      engine::explain_context(request, request.logits->size(), tokenizer, eos);
  engine::Sampler sampler;
  const auto n = static_cast<std::size_t>(arguments.top.value_or(5));
  engine::Candidates all;
  all.assign(*request.logits, *std::max_element(request.logits->begin(), request.logits->end()));
  std::vector<Stage> stages = {{"model", all.size(), 1, top_of(all, n)}};
  engine::Candidates& left = sampler.distribution(
      *request.logits, request.settings.sampling, context,
      [&](std::string_view name, std::size_t kept, double mass, engine::Candidates& c) {
        stages.push_back({std::string(name), kept, mass, top_of(c, n)});
      });
  if (!arguments.quiet) Messages::plain(safety::notice());
  Output output(STDOUT_FILENO);
  if (!arguments.json) {
    print_table(output, stages, *tokenizer);
    return kExitFine;
  }
  Json json;
  json["prompt_ids"] = request.prompt;
  json["settings"] = engine::settings_json(request.settings);
  json["kept"] = Json::array();
  json["probs"] = Json::array();
  for (std::size_t i = 0; i < left.size(); ++i) {
    json["kept"].push_back(left.id(i));
    json["probs"].push_back(left.probability(i));
  }
  json["stages"] = Json::array();
  for (const Stage& stage : stages) json["stages"].push_back(stage_json(stage, *tokenizer));
  json["model"] = {{"name", model.name}, {"sha256", model.sha256}};
  json["notice"] = safety::notice();
  output.write(json.dump() + "\n");
  output.flush();
  return kExitFine;
}

}  // namespace

int explain_command(const Arguments& words) {
  const ExplainArguments arguments = parse_explain(words);
  return arguments.jsonl ? answer_lines(arguments) : explain_prompt(arguments);
}

}  // namespace medgen::cli
