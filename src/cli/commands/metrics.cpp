// `medgen metrics`: texts in, their measures out: a table, JSON, CSV, a report.
#include "research/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/table_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "jobs/measure.h"
#include "medgen/error.h"
#include "report/report.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

struct MetricsArguments {
  std::optional<std::vector<std::string>> files;
  std::optional<std::string> reference, baseline, tokenizer, model, mauve, csv, report;
  std::optional<int> resamples, self_bleu_limit;
  std::optional<double> confidence;
  std::optional<std::uint64_t> seed;
  BackendArguments backend;
  bool specials = false, json = false, raw_cells = false, quiet = false;
};

MetricsArguments parse_metrics(const Arguments& words) {
  MetricsArguments a;
  const research::MetricsOptions defaults;
  CommandLine line(
      "medgen metrics",
      "Measures how diverse, likely and repetitive texts are, each sampling setting next to the "
      "others: perplexity, entropy, self-BLEU-4, distinct-n, Zipf's coefficient, repetition, "
      "loops, "
      "length, with bootstrap intervals over prompts.");
  line.positionals(
      reads("FILE"), a.files, true,
      "Lines of JSON: what `medgen batch` and `medgen sweep` write, or {\"text\": ..., "
      "\"setting\"?, \"id\"?, \"prompt\"?} from any other program; also what OpenAI's API, vLLM "
      "and "
      "pipelines of transformers write, and tables of batch and export (.csv). Each also with .gz "
      "or .zst. Texts with the same id, or the "
      "same line of several files, belong to the same prompt. A record that names no setting "
      "belongs to one named after its file.");
  line.text("--reference", reads("FILE"), a.reference,
            "Texts that people wrote (.jsonl, .csv or .txt, also with .zst or .gz): a row of "
            "their own, and how far each setting is from it.");
  line.text("--baseline", "NAME", a.baseline,
            "The setting that the others are compared with, on the same prompts, with Holm's "
            "correction for all comparisons.");
  line.text("--tokenizer", reads("DIR"), a.tokenizer,
            "Tokenizer for texts whose tokens the file lacks. Without it, texts are counted "
            "in words, all of them, when the tokens of any are unknown.");
  line.text("--model", reads_model("DIR"), a.model,
            "Model that computes log-probabilities, for the perplexity, of texts without them; its "
            "tokenizer is used too.");
  line.exclude("--tokenizer", "--model");
  line.text("--mauve", reads_model("DIR"), a.mauve,
            "Also compute MAUVE, how alike each setting's texts and those of --reference are, from "
            "this model's hidden states. Takes at least 50 texts a side; 1,000 or more are better. "
            "If all texts have a prompt, they are read after it.");
  line.flag(
      "--specials", a.specials,
      "Read spellings such as <|endoftext|> in prompts as special tokens where --model scores "
      "texts; for texts that another program made. What medgen wrote says itself how its "
      "prompts were read.");
  line.number(
      "--resamples", a.resamples,
      fmt::format(
          "Resampled sets of prompts for intervals and p-values, 0 (none) to 1000000. Default: {}",
          defaults.bootstrap_resamples));
  line.number("--confidence", a.confidence, "Confidence level, above 0 and below 1. Default: 0.95");
  line.number("--self-bleu-texts", a.self_bleu_limit,
              fmt::format("Texts of a setting that self-BLEU scores, drawn at random where there "
                          "are more; each is scored against all others. Default: {}",
                          defaults.self_bleu_limit));
  line.number("--seed", a.seed, "Seed of all random draws. Default: 0");
  declare(line, a.backend);
  line.flag("--json", a.json, "Print one JSON object instead of the table.");
  line.text("--csv", writes_file("FILE"), a.csv,
            "Write a line for each setting and measure to FILE.");
  declare_raw_cells(line, a.raw_cells, "the file of --csv");
  line.text("--report", writes_file("FILE.html"), a.report,
            "Write a report to FILE: tables, figures and texts in one file that needs no other.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  if (a.mauve && !a.reference) {
    throw Error(ErrorCode::kUsage,
                "--mauve compares texts with those of people: give them with --reference FILE");
  }
  if (a.raw_cells && !a.csv) {
    base::refuse("--raw-cells is about the cells of a csv: give --csv FILE, or leave it out");
  }
  resolve(a.backend);  // refuses bad options before anything is read
  return a;
}

jobs::MeasureAsked asked(const MetricsArguments& a, const Messages& messages) {
  jobs::MeasureAsked asked;
  asked.files = *a.files;
  asked.reference = a.reference;
  asked.tokenizer = a.tokenizer;
  asked.model = a.model;
  asked.mauve = a.mauve;
  asked.specials = a.specials;
  asked.backend = resolve(a.backend, messages);
  research::MetricsOptions& options = asked.options;
  options.baseline = a.baseline.value_or("");
  options.bootstrap_resamples = a.resamples.value_or(options.bootstrap_resamples);
  options.confidence = a.confidence.value_or(options.confidence);
  options.self_bleu_limit = a.self_bleu_limit.value_or(options.self_bleu_limit);
  options.seed = a.seed.value_or(options.seed);
  return asked;
}

std::string json_text(const research::Metrics& metrics) {
  return research::metrics_json(metrics).dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace

int metrics_command(const Arguments& words) {
  const MetricsArguments a = parse_metrics(words);
  const Messages messages(a.quiet);
  const jobs::MeasureAsked asking = asked(a, messages);
  const jobs::MeasuringModels models = jobs::open_models(asking);
  finish_loading(a.csv || a.report ? safety::Writes::kAsBefore : safety::Writes::kNothing);
  jobs::GatheredTexts texts = jobs::gather_texts(asking);
  if (texts.failed > 0) {
    messages.note(
        fmt::format("skipped {} records of rows that failed or have no text", texts.failed));
  }
  const research::Metrics metrics = jobs::measure(asking, models, texts);

  if (a.csv) base::write_file_atomically(*a.csv, research::metrics_csv(metrics, a.raw_cells));
  if (a.report) {
    base::write_file_atomically(
        *a.report,
        report::report_html(metrics, texts.samples, jobs::report_context_of(asking, texts)));
  }
  for (const std::string& text : metrics.notices) messages.note(text);
  const bool terminal = is_terminal(STDOUT_FILENO);
  Output output(STDOUT_FILENO);
  if (a.json) {
    output.write(json_text(metrics));
  } else {
    const std::string table =
        research::metrics_table(metrics, terminal ? terminal_columns(STDOUT_FILENO) : 120);
    output.write(visible(table));
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
