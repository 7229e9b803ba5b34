// `medgen eval`: options in, tables or JSON out.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/corpus_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "research/evaluation.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

struct EvalArguments {
  CorpusArguments corpus;
  std::optional<std::string> model, tokenizer, choices, form, windows, text_field;
  std::optional<int> stride;
  BackendArguments backend;
  std::optional<std::uint64_t> limit;
  bool json = false, quiet = false;
};

EvalArguments parse_eval(const Arguments& words) {
  EvalArguments a;
  const research::ChoiceOptions choice_defaults;
  CommandLine line("medgen eval",
                   "Measures how well a model predicts text (perplexity, bits per byte) and how "
                   "often it prefers the right one of several answers.");
  line.text("--model", "DIR|FILE.pt", a.model,
            "Model folder, or a TorchScript GPT-2 (with --tokenizer). Default: the model that "
            "comes with medgen.");
  line.text("--tokenizer", "DIR", a.tokenizer, "Tokenizer for a --model that is a .pt file.");
  declare_data(line, a.corpus,
               "Text: .jsonl, .csv (with a header) or .txt (blank lines between documents), also "
               "with .zst or .gz; may be given several times.");
  line.text("--text-field", "NAME", a.text_field, "The field that holds the text. Default: text.");
  line.choice("--windows", {"documents", "packed"}, a.windows,
              "documents: each document by itself, in overlapping windows of the context; its "
              "first token is predicted from the model's BOS. packed: all documents joined, an "
              "end-of-text token after each, which is predicted too, in windows side by side; this "
              "is what training logs. Default: documents.");
  line.number("--stride", a.stride,
              "Tokens by which a window advances, 1 to the context. Default: half the context.");
  line.text("--choices", "FILE", a.choices,
            "Multiple choice: .jsonl with {\"prompt\": ..., \"choices\": [...], \"answer\": index} "
            "on each line.");
  line.text("--choice-form", "TEXT", a.form,
            "How to join prompt and choice; ends with {choice}; \\n is a line break. Default: "
            "Question: {prompt}\\nAnswer: {choice}");
  line.number("--limit", a.limit, "Use only the first N documents or items; 1 or more.");
  declare(line, a.backend);
  line.flag("--json", a.json, "Print one JSON object.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  if (data_files(a.corpus).empty() && !a.choices) {
    throw Error(ErrorCode::kUsage,
                "nothing to evaluate: give --data FILE for text or --choices FILE for multiple "
                "choice");
  }
  if (a.windows == "packed" && a.stride) {
    throw Error(ErrorCode::kUsage,
                "--stride is " + std::to_string(*a.stride) +
                    " with --windows packed, whose windows never overlap: leave one of them out");
  }
  if (a.stride && *a.stride < 1) {
    throw Error(ErrorCode::kUsage, "stride is " + std::to_string(*a.stride) +
                                       "; it must be from 1 to the model's context");
  }
  if (a.limit && *a.limit < 1) {
    throw Error(ErrorCode::kUsage, "limit is 0; it must be 1 or more");
  }
  resolve(a.backend);  // refuses bad options before anything is read
  return a;
}

class EvalProgress {
 public:
  EvalProgress(bool quiet, const InterruptScope& interrupt)
      : progress_(quiet), interrupt_(interrupt) {}
  void operator()(const char* what, std::uint64_t count) {
    if (interrupt_.interrupted()) throw Interrupted{};
    progress_.show([&] { return std::string(what) + " " + std::to_string(count); });
  }
  void end() { progress_.clear(); }

 private:
  Progress progress_;
  const InterruptScope& interrupt_;
};

struct TextResult {
  research::TextEvaluation evaluation;
  std::uint64_t bad_records = 0;
  bool packed = false, has_prefix = false;
};

// Enough has been read.
struct LimitReached {};

// What precedes a document: as in training, where one begins after the end of another.
std::optional<TokenId> prefix_of(const jobs::ModelFiles& model) {
  if (model.prompt_prefix) return model.prompt_prefix;
  if (model.config.bos_token_id) return model.config.bos_token_id;
  return model.tokenizer->bos_id() ? model.tokenizer->bos_id() : model.tokenizer->eos_id();
}

TextResult evaluate_text(const EvalArguments& a, const jobs::ModelFiles& model, Backend& backend,
                         const Messages& messages, EvalProgress& progress) {
  TextResult result;
  research::TextEvaluationOptions options;
  options.stride = a.stride.value_or(0);
  options.prefix = prefix_of(model);
  options.progress = [&](std::uint64_t documents) { progress("document", documents); };
  if (a.windows == "packed") options.windows = research::Windows::kPacked;
  result.packed = options.windows == research::Windows::kPacked;
  result.has_prefix = options.prefix.has_value();
  research::TextEvaluator evaluator(backend, *model.tokenizer, options);
  std::uint64_t documents = 0;
  corpus::ReadOptions read;
  read.text_field = a.text_field.value_or(read.text_field);
  for (const auto& file : data_files(a.corpus)) {
    read.on_bad = [&](const corpus::BadRecord& bad) {
      if (++result.bad_records > 10) return;
      progress.end();
      messages.note("skipped " + file.string() + ":" + std::to_string(bad.line) + ": " + bad.why);
    };
    try {
      corpus::read_documents(
          file,
          [&](corpus::Document&& document) {
            if (a.limit && documents == *a.limit) throw LimitReached{};
            ++documents;
            evaluator.add(document);
          },
          read);
    } catch (const LimitReached&) {
      break;
    }
  }
  result.evaluation = evaluator.finish();
  if (result.evaluation.all.tokens == 0) {
    throw Error(ErrorCode::kRuntime, "there is no text to evaluate: " + std::to_string(documents) +
                                         " documents were read and " +
                                         std::to_string(result.bad_records) + " records skipped");
  }
  return result;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json score_json(const research::TextScore& score) {
  const auto error = score.perplexity_error();
  const bool any = score.tokens > 0 && score.bytes > 0;
  return {{"bits_per_byte", any ? number(score.bits_per_byte()) : Json(nullptr)},
          {"perplexity", any ? number(score.perplexity()) : Json(nullptr)},
          {"perplexity_stderr", error ? number(*error) : Json(nullptr)},
          {"tokens", score.tokens},
          {"bytes", score.bytes},
          {"documents", score.documents}};
}

Json choice_json(const research::ChoiceScore& score) {
  return {{"accuracy", score.accuracy},
          {"accuracy_interval", {score.interval[0], score.interval[1]}},
          {"accuracy_normalized", score.accuracy_normalized},
          {"accuracy_normalized_interval",
           {score.interval_normalized[0], score.interval_normalized[1]}},
          {"chance", score.chance},
          {"items", score.items}};
}

void add_json(Json& json, const TextResult& result, int context) {
  json.update(score_json(result.evaluation.all));
  json["windows"] = result.packed ? "packed" : "documents";
  json["context"] = context;
  json["stride"] = result.evaluation.stride;
  json["first_token_scored"] = result.packed || result.has_prefix;
  json["bad_records"] = result.bad_records;
  Json sources = Json::object();
  for (const auto& [name, score] : result.evaluation.by_source) sources[name] = score_json(score);
  json["by_source"] = std::move(sources);
}

void add_json(Json& json, const research::ChoiceEvaluation& evaluation,
              const research::ChoiceOptions& options) {
  json.update(choice_json(evaluation.all));
  json["truncated"] = evaluation.truncated;
  json["form"] = options.form;
  Json types = Json::object();
  for (const auto& [name, score] : evaluation.by_type) types[name] = choice_json(score);
  json["by_type"] = std::move(types);
}

void add_row(std::ostream& out, const research::TextScore& score, const std::string& name) {
  char error[32] = "-";
  if (const auto value = score.perplexity_error()) {
    std::snprintf(error, sizeof error, "%.3f", *value);
  }
  char row[160];
  std::snprintf(row, sizeof row, "%9.4f %11.3f %9s %11llu %11llu %9llu  ", score.bits_per_byte(),
                score.perplexity(), error, static_cast<unsigned long long>(score.tokens),
                static_cast<unsigned long long>(score.bytes),
                static_cast<unsigned long long>(score.documents));
  out << row << name << "\n";
}

std::string to_text(const TextResult& result, int context) {
  std::ostringstream out;
  if (result.packed) {
    out << "windows of " << context
        << " tokens side by side, documents joined, an end-of-text token after each\n\n";
  } else {
    out << "windows of " << context << " tokens, stride " << result.evaluation.stride
        << ", each document by itself"
        << (result.has_prefix ? ", its first token after BOS\n\n"
                              : ", its first token not counted\n\n");
  }
  out << "bits/byte  perplexity  std.err      tokens       bytes documents  source\n";
  for (const auto& [name, score] : result.evaluation.by_source) {
    if (score.tokens > 0 && score.bytes > 0) add_row(out, score, name);
  }
  add_row(out, result.evaluation.all, "all");
  return out.str();
}

void add_row(std::ostream& out, const research::ChoiceScore& score, const std::string& name) {
  char row[160];
  std::snprintf(row, sizeof row, "%7.1f%% [%5.1f, %5.1f] %10.1f%% [%5.1f, %5.1f] %7.1f%% %6llu  ",
                100 * score.accuracy, 100 * score.interval[0], 100 * score.interval[1],
                100 * score.accuracy_normalized, 100 * score.interval_normalized[0],
                100 * score.interval_normalized[1], 100 * score.chance,
                static_cast<unsigned long long>(score.items));
  out << row << name << "\n";
}

std::string to_text(const research::ChoiceEvaluation& evaluation) {
  std::ostringstream out;
  out << "accuracy [95% interval]  by characters [interval]    chance  items  type\n";
  for (const auto& [name, score] : evaluation.by_type) add_row(out, score, name);
  add_row(out, evaluation.all, "all");
  return out.str();
}

research::ChoiceOptions choice_options(const EvalArguments& a, const jobs::ModelFiles& model,
                                       EvalProgress& progress) {
  research::ChoiceOptions options;
  if (a.form) options.form = with_line_breaks(*a.form);
  options.prefix = prefix_of(model);
  options.progress = [&](std::uint64_t items) { progress("item", items); };
  return options;
}

void evaluate(const EvalArguments& a, const Messages& messages, EvalProgress& progress) {
  // Inputs are read before the model is loaded, which takes longer.
  std::vector<research::ChoiceItem> items;
  if (a.choices) items = research::read_choices(*a.choices);
  if (a.limit && items.size() > *a.limit) items.resize(*a.limit);
  const jobs::ModelFiles model = jobs::open_model(a.model, a.tokenizer);
  const auto backend = jobs::open_backend(model, resolve(a.backend, messages));
  const int context = backend->info().n_positions;
  Json json = {{"model", model.name}, {"model_sha256", model.sha256}};
  std::string text;
  if (!data_files(a.corpus).empty()) {
    const TextResult result = evaluate_text(a, model, *backend, messages, progress);
    add_json(json, result, context);
    text += to_text(result, context);
  }
  if (a.choices) {
    const research::ChoiceOptions options = choice_options(a, model, progress);
    const research::ChoiceEvaluation result =
        research::evaluate_choices(*backend, *model.tokenizer, items, options);
    add_json(json, result, options);
    if (result.truncated > 0) {
      progress.end();
      messages.note(std::to_string(result.truncated) +
                    " items did not fit the context and lost their beginning");
    }
    if (!text.empty()) text += "\n";
    text += to_text(result);
  }
  progress.end();
  Output output(STDOUT_FILENO);
  if (a.json) {
    output.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    output.write(is_terminal(STDOUT_FILENO) ? visible(text) : text);
  }
  output.flush();
}

}  // namespace

int eval_command(const Arguments& words) {
  const EvalArguments a = parse_eval(words);
  const Messages messages(a.quiet);
  const InterruptScope interrupt;
  EvalProgress progress(a.quiet, interrupt);
  try {
    evaluate(a, messages, progress);
  } catch (const Interrupted&) {
    progress.end();
    messages.note("interrupted");
    return kExitInterrupted;
  }
  return kExitFine;
}

}  // namespace medgen::cli
