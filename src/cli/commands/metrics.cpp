// `medgen metrics`: texts in, their measures out: a table, JSON, CSV, a report.
#include "research/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/lines.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "jobs/model_files.h"
#include "jobs/sweep_report.h"
#include "medgen/error.h"
#include "medgen/version.h"
#include "records/reader.h"
#include "report/report.h"
#include "research/sweep_reference.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct MetricsArguments {
  std::optional<std::vector<std::string>> files;
  std::optional<std::string> reference, baseline, tokenizer, model, csv, report;
  std::optional<int> resamples, self_bleu_limit;
  std::optional<double> confidence;
  std::optional<std::uint64_t> seed;
  BackendArguments backend;
  bool json = false, quiet = false;
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
      "\"setting\"?, \"id\"?, \"prompt\"?} from any other program. Texts with the same id, or the "
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
  line.text("--report", writes_file("FILE.html"), a.report,
            "Write a report to FILE: tables, figures and texts in one file that needs no other.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  resolve(a.backend);  // refuses bad options before anything is read
  return a;
}

// What the records say about the texts' origin.
struct Gathered {
  std::vector<research::Sample> samples;
  std::uint64_t failed = 0;        // records of rows that have no text
  Json settings = Json::object();  // setting -> what it was made with
  std::set<std::string> models, hashes;

  void add(const records::RecordReader& record, const std::string& setting, const std::string& id) {
    const std::size_t before = samples.size();
    for (research::Sample& sample : research::samples_of(record, setting, id))
      samples.push_back(std::move(sample));
    if (samples.size() == before) {
      ++failed;
    } else {
      add_origin(record.origin(), samples.back().setting);
    }
  }

 private:
  void add_origin(const records::RecordedOrigin& origin, const std::string& setting) {
    if (origin.model_name) models.insert(*origin.model_name);
    if (origin.model_sha256) hashes.insert(*origin.model_sha256);
    if (origin.sampling.is_object() && !settings.contains(setting)) {
      settings[setting] = origin.sampling;
    }
  }
};

void read_file(const std::string& path, const std::string& setting, Gathered& gathered) {
  if (fs::is_directory(path)) {
    throw Error(ErrorCode::kUsage, path + " is a folder: give its .jsonl file");
  }
  base::Lines lines(base::plain_file_blocks(path, ErrorCode::kUsage), base::kMaxLineBytes);
  const std::size_t before = gathered.samples.size();
  for (base::Line line; lines.next_whole(line);) {
    if (line.text.find_first_not_of(" \t\r") == std::string::npos) continue;
    Json json = Json::parse(line.text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
      throw Error(ErrorCode::kRuntime,
                  path + ", line " + std::to_string(line.number) + ": not JSON");
    }
    const records::RecordReader record(std::move(json), {path, line.number});
    try {
      gathered.add(record, setting, fmt::to_string(line.number));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{}, line {}: {}", path, line.number, error.what()));
    }
  }
  if (gathered.samples.size() == before) {
    throw Error(ErrorCode::kUsage, path +
                                       " holds no texts: expected lines such as {\"text\": "
                                       "\"...\"}, or what medgen batch writes");
  }
}

Gathered read_files(const MetricsArguments& a) {
  Gathered gathered;
  for (const std::string& path : *a.files) {
    const auto same_stem = std::count_if(
        a.files->begin(), a.files->end(),
        [&](const std::string& other) { return fs::path(other).stem() == fs::path(path).stem(); });
    read_file(path, same_stem > 1 ? path : fs::path(path).stem().string(), gathered);
  }
  return gathered;
}

// Scores texts whose log-probability is unknown with the model.
void score_unknown(Backend& backend, const jobs::ModelFiles& model,
                   std::vector<research::Sample>& samples) {
  std::vector<research::Sample> unknown;
  for (const research::Sample& sample : samples) {
    if (!sample.logprob) unknown.push_back(sample);
  }
  research::score_texts(backend, *model.tokenizer, model.prompt_prefix, unknown);
  auto next = unknown.begin();
  for (research::Sample& sample : samples) {
    if (!sample.logprob) sample = std::move(*next++);
  }
}

std::string only(const std::set<std::string>& values) {
  return values.size() == 1 ? *values.begin() : std::string();
}

// The numeric settings that differ between some rows.
std::map<std::string, std::map<std::string, double>> varied_numbers(const Json& settings) {
  std::map<std::string, std::map<std::string, double>> all;
  for (const auto& [setting, values] : settings.items()) {
    for (const auto& [name, value] : values.items()) {
      if (value.is_number()) all[name][setting] = value.get<double>();
    }
  }
  return all;
}

report::ReportContext context_of(const MetricsArguments& a, const Gathered& gathered) {
  report::ReportContext context;
  context.notices = {std::string(safety::notice())};
  context.program = "medgen " + std::string(version());
  context.model_name = only(gathered.models);
  context.model_sha256 = only(gathered.hashes);
  context.settings = gathered.settings;
  context.swept = varied_numbers(gathered.settings);
  if (a.reference) context.reference_name = fs::path(*a.reference).filename().string();
  return context;
}

std::string json_text(const research::Metrics& metrics) {
  return research::metrics_json(metrics).dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace

int metrics_command(const Arguments& words) {
  const MetricsArguments a = parse_metrics(words);
  const Messages messages(a.quiet);
  Gathered gathered = read_files(a);
  std::vector<research::Sample> reference;
  if (a.reference) reference = jobs::read_reference(*a.reference);
  if (gathered.failed > 0) {
    messages.note(
        fmt::format("skipped {} records of rows that failed or have no text", gathered.failed));
  }

  research::MetricsOptions options;
  options.baseline = a.baseline.value_or("");
  options.bootstrap_resamples = a.resamples.value_or(options.bootstrap_resamples);
  options.confidence = a.confidence.value_or(options.confidence);
  options.self_bleu_limit = a.self_bleu_limit.value_or(options.self_bleu_limit);
  options.seed = a.seed.value_or(options.seed);
  std::shared_ptr<const Tokenizer> tokenizer;
  if (a.tokenizer) tokenizer = load_tokenizer(fs::path(*a.tokenizer));
  if (a.model) {
    const jobs::ModelFiles model = jobs::open_model(a.model, std::nullopt);
    const auto backend = jobs::open_backend(model, resolve(a.backend, messages));
    score_unknown(*backend, model, gathered.samples);
    score_unknown(*backend, model, reference);
    tokenizer = model.tokenizer;
  }
  options.tokenizer = tokenizer.get();
  const research::Metrics metrics = research::compute_metrics(gathered.samples, reference, options);

  if (a.csv) base::write_file_atomically(*a.csv, research::metrics_csv(metrics));
  if (a.report) {
    base::write_file_atomically(
        *a.report, report::report_html(metrics, gathered.samples, context_of(a, gathered)));
  }
  for (const std::string& text : metrics.notices) messages.note(text);
  const bool terminal = is_terminal(STDOUT_FILENO);
  Output output(STDOUT_FILENO);
  if (a.json) {
    output.write(json_text(metrics));
  } else {
    const std::string table =
        research::metrics_table(metrics, terminal ? terminal_columns(STDOUT_FILENO) : 120);
    output.write(terminal ? visible(table) : table);
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
