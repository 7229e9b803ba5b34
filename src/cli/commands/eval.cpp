// `medgen eval`: options in, tables or JSON out.
#include "jobs/eval.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/corpus_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "medgen/error.h"
#include "report/calibration_chart.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kMaxBadRecordsNamed = 10;

struct EvalArguments {
  CorpusArguments corpus;
  std::optional<std::string> model, tokenizer, compare, choices, form, windows, text_field, items,
      calibration_svg;
  std::optional<int> stride, shots;
  std::optional<std::uint64_t> seed;
  BackendArguments backend;
  std::optional<std::uint64_t> limit;
  bool calibration = false, json = false, quiet = false;
};

EvalArguments parse_eval(const Arguments& words) {
  EvalArguments a;
  const research::ChoiceOptions choice_defaults;
  CommandLine line("medgen eval",
                   "Measures how well a model predicts text (perplexity, bits per byte) and how "
                   "often it prefers the right one of several answers.");
  declare_model(line, a.model, a.tokenizer);
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
  line.text("--choices", reads("FILE"), a.choices,
            "Multiple choice: .jsonl with {\"prompt\": ..., \"choices\": [...], \"answer\": index} "
            "on each line.");
  line.text("--choice-form", "TEXT", a.form,
            "How to join prompt and choice; ends with {choice}; \\n is a line break. Default: "
            "Question: {prompt}\\nAnswer: {choice}");
  line.number("--shots", a.shots,
              "Other items with their right answers before each, a blank line after each; 0 or "
              "more. Default: 0.");
  line.number("--seed", a.seed, "Which items --shots draws. Default: 0.");
  line.text(
      "--compare", reads_model("DIR"), a.compare,
      "A second model on the same data, and its difference from the first: bits per byte with "
      "an interval over documents, accuracy with McNemar's exact test.");
  line.text(
      "--items", writes_file("FILE"), a.items,
      "Write the log-probability of every document and choice, without their texts: a line of "
      "JSON for each.");
  line.flag("--calibration", a.calibration,
            "Of --data, also how far the model's probabilities can be taken at their word: the "
            "expected calibration error of its likeliest next token, with an interval over "
            "documents.");
  line.text("--calibration-svg", writes_file("FILE.svg"), a.calibration_svg,
            "Draw the reliability curve of --calibration, which this turns on, to FILE.");
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
  a.calibration = a.calibration || a.calibration_svg;
  if (a.calibration && data_files(a.corpus).empty()) {
    throw Error(ErrorCode::kUsage, "--calibration is of --data, which is not given: name a text");
  }
  if (a.calibration && a.compare) {
    throw Error(ErrorCode::kUsage,
                "--calibration is of one model: evaluate each by itself, without --compare");
  }
  if (a.windows == "packed" && a.stride) {
    throw Error(ErrorCode::kUsage, fmt::format("--stride is {} with --windows packed, whose "
                                               "windows never overlap: leave one of them out",
                                               *a.stride));
  }
  if (a.stride && *a.stride < 1) {
    base::refuse_value("stride", fmt::to_string(*a.stride), "from 1 to the model's context");
  }
  if (a.limit && *a.limit < 1) {
    base::refuse_value("limit", fmt::to_string(*a.limit), "1 or more");
  }
  if ((a.shots || a.seed) && !a.choices) {
    throw Error(ErrorCode::kUsage, "--shots and --seed are of --choices, which are not given");
  }
  if (a.shots && *a.shots < 0) {
    base::refuse_value("shots", fmt::to_string(*a.shots), "0 or more");
  }
  if (a.items && a.compare) {
    throw Error(ErrorCode::kUsage,
                "--items is of one model: evaluate each by itself, without --compare");
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
    progress_.show([&] { return fmt::format("{} {}", what, count); });
  }
  void end() { progress_.clear(); }

 private:
  Progress progress_;
  const InterruptScope& interrupt_;
};

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json score_json(const research::TextScore& score) {
  const auto error = score.perplexity_error();
  const bool any = score.tokens > 0 && score.bytes > 0;
  return {{"bits_per_byte", any ? number(score.bits_per_byte()) : Json(nullptr)},
          {"perplexity", any ? number(score.perplexity()) : Json(nullptr)},
          {"perplexity_stderr", error ? number(*error) : Json(nullptr)},
          {"word_perplexity", any ? number(score.word_perplexity()) : Json(nullptr)},
          {"byte_perplexity", any ? number(score.byte_perplexity()) : Json(nullptr)},
          {"tokens", score.tokens},
          {"bytes", score.bytes},
          {"words", score.words},
          {"documents", score.documents}};
}

Json calibration_json(const research::Calibration& made) {
  Json bins = Json::array();
  for (const research::CalibrationBin& bin : made.bins) {
    const bool any = bin.tokens > 0;
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"tokens", bin.tokens},
                    {"confidence", any ? Json(bin.confidence) : Json(nullptr)},
                    {"accuracy", any ? Json(bin.accuracy) : Json(nullptr)},
                    {"accuracy_interval", interval_json(bin.interval)}});
  }
  return {{"ece", made.ece},
          {"ece_interval", interval_json(made.ece_interval)},
          {"ece_by_chance", made.ece_by_chance},
          {"confidence", made.confidence},
          {"accuracy", made.accuracy},
          {"overconfidence", made.overconfidence},
          {"overconfidence_interval", interval_json(made.overconfidence_interval)},
          {"tokens", made.tokens},
          {"documents", made.documents},
          {"bins", std::move(bins)}};
}

Json choice_json(const research::ChoiceScore& score) {
  return {{"accuracy", score.accuracy},
          {"accuracy_interval", {score.interval.low, score.interval.high}},
          {"accuracy_normalized", score.accuracy_normalized},
          {"accuracy_normalized_interval",
           {score.interval_normalized.low, score.interval_normalized.high}},
          {"chance", score.chance},
          {"items", score.items}};
}

void add_json(Json& json, const jobs::EvaluatedText& result, int context) {
  json.update(score_json(result.evaluation.all));
  json["windows"] = result.packed ? "packed" : "documents";
  json["context"] = context;
  json["stride"] = result.evaluation.stride;
  json["first_token_scored"] = result.packed || result.has_prefix;
  json["bad_records"] = result.bad_records;
  Json sources = Json::object();
  for (const auto& [name, score] : result.evaluation.by_source) sources[name] = score_json(score);
  json["by_source"] = std::move(sources);
  if (result.calibration) json["calibration"] = calibration_json(*result.calibration);
}

void add_json(Json& json, const research::ChoiceEvaluation& evaluation, const std::string& form,
              int shots) {
  json.update(choice_json(evaluation.all));
  json["truncated"] = evaluation.truncated;
  json["form"] = form;
  json["shots"] = shots;
  Json types = Json::object();
  for (const auto& [name, score] : evaluation.by_type) types[name] = choice_json(score);
  json["by_type"] = std::move(types);
}

// Where a number can be infinite, ">" keeps it at the right.
std::string row_of(const research::TextScore& score, const std::string& name) {
  const auto error = score.perplexity_error();
  return fmt::format("{:>9.4f} {:>11.3f} {:>9} {:>11.3f} {:11} {:11} {:9}  {}\n",
                     score.bits_per_byte(), score.perplexity(),
                     error ? fmt::format("{:.3f}", *error) : "-", score.word_perplexity(),
                     score.tokens, score.bytes, score.documents, name);
}

std::string interval_text(const std::optional<research::Interval>& interval) {
  return interval ? fmt::format("[{:.4f}, {:.4f}]", interval->low, interval->high) : "";
}

std::string to_text(const research::Calibration& made) {
  std::string out = fmt::format(
      "\ncalibration of the likeliest next token, {} tokens of {} documents, 95 % intervals over "
      "documents\n"
      "expected calibration error  {:.4f} {}; exact probabilities would give {:.4f} by chance\n"
      "sure of it {:.4f}, right {:.4f}; too sure by {:+.4f} {}\n\n"
      "     sure of it    tokens     mean    right [interval]\n",
      made.tokens, made.documents, made.ece, interval_text(made.ece_interval), made.ece_by_chance,
      made.confidence, made.accuracy, made.overconfidence,
      interval_text(made.overconfidence_interval));
  for (const research::CalibrationBin& bin : made.bins) {
    if (bin.tokens == 0) continue;
    out += fmt::format("{:.4f} - {:.4f} {:9}   {:.4f}   {:.4f} {}\n", bin.low, bin.high, bin.tokens,
                       bin.confidence, bin.accuracy, interval_text(bin.interval));
  }
  return out;
}

std::string to_text(const jobs::EvaluatedText& result, int context) {
  std::string out =
      result.packed
          ? fmt::format(
                "windows of {} tokens side by side, documents joined, an end-of-text token after "
                "each\n\n",
                context)
          : fmt::format(
                "windows of {} tokens, stride {}, each document by itself, its first token {}\n\n",
                context, result.evaluation.stride, result.has_prefix ? "after BOS" : "not counted");
  out += "bits/byte  perplexity  std.err    per word      tokens       bytes documents  source\n";
  for (const auto& [name, score] : result.evaluation.by_source) {
    if (score.tokens > 0 && score.bytes > 0) out += row_of(score, name);
  }
  out += row_of(result.evaluation.all, "all");
  return result.calibration ? out + to_text(*result.calibration) : out;
}

std::string row_of(const research::ChoiceScore& score, const std::string& name) {
  return fmt::format("{:7.1f}% [{:5.1f}, {:5.1f}] {:10.1f}% [{:5.1f}, {:5.1f}] {:7.1f}% {:6}  {}\n",
                     100 * score.accuracy, 100 * score.interval.low, 100 * score.interval.high,
                     100 * score.accuracy_normalized, 100 * score.interval_normalized.low,
                     100 * score.interval_normalized.high, 100 * score.chance, score.items, name);
}

std::string to_text(const research::ChoiceEvaluation& evaluation) {
  std::string out = "accuracy [95% interval]  by characters [interval]    chance  items  type\n";
  for (const auto& [name, score] : evaluation.by_type) out += row_of(score, name);
  return out + row_of(evaluation.all, "all");
}

jobs::EvalAsked asked(const EvalArguments& a, const Messages& messages, EvalProgress& progress) {
  jobs::EvalAsked asked;
  asked.model = a.model;
  asked.tokenizer = a.tokenizer;
  asked.backend = resolve(a.backend, messages);
  asked.data = data_files(a.corpus);
  if (a.text_field) asked.text_field = *a.text_field;
  if (a.windows == "packed") asked.windows = research::Windows::kPacked;
  asked.stride = a.stride.value_or(0);
  asked.choices = a.choices;
  if (a.form) asked.form = with_line_breaks(*a.form);
  asked.limit = a.limit;
  asked.compare = a.compare;
  asked.shots = a.shots.value_or(0);
  asked.seed = a.seed.value_or(0);
  asked.calibration = a.calibration;
  asked.loaded = [writes = a.items || a.calibration_svg
                               ? safety::Writes::kAsBefore
                               : safety::Writes::kNothing] { finish_loading(writes); };
  asked.progress = [&](const char* what, std::uint64_t count) { progress(what, count); };
  asked.on_bad = [&, told = 0](const std::filesystem::path& file,
                               const corpus::BadRecord& bad) mutable {
    if (++told > kMaxBadRecordsNamed) return;
    progress.end();
    messages.note(fmt::format("skipped {}:{}: {}", file.string(), bad.line, bad.why));
  };
  return asked;
}

std::string to_text(const jobs::EvalResult& result) {
  std::string text;
  if (result.text) text += to_text(*result.text, result.context);
  if (result.text && result.choices) text += "\n";
  if (result.choices) text += to_text(*result.choices);
  return text;
}

Json to_json(const jobs::EvalResult& result) {
  Json json = {{"model", result.model_name}, {"model_sha256", result.model_sha256}};
  if (result.text) add_json(json, *result.text, result.context);
  if (result.choices) add_json(json, *result.choices, result.form, result.shots);
  return json;
}

Json paired_json(double difference, const research::Interval& interval, double p_value) {
  return {{"difference", number(difference)},
          {"interval", {number(interval.low), number(interval.high)}},
          {"p_value", p_value}};
}

Json paired_json(const research::PairedChoices& pair) {
  Json json = paired_json(pair.difference, pair.interval, pair.p_value);
  json["only_first_right"] = pair.only_first;
  json["only_second_right"] = pair.only_second;
  return json;
}

Json to_json(const jobs::ComparedResult& result) {
  Json json = {{"first", to_json(result.first)}, {"second", to_json(result.second)}};
  if (result.text) {
    json["bits_per_byte"] =
        paired_json(result.text->difference, result.text->interval, result.text->p_value);
  }
  if (result.choices) json["accuracy"] = paired_json(*result.choices);
  if (result.choices_normalized) {
    json["accuracy_normalized"] = paired_json(*result.choices_normalized);
  }
  return json;
}

std::string to_text(const research::PairedChoices& pair, const char* what) {
  return fmt::format(
      "{}: {:+.1f} points [{:+.1f}, {:+.1f}]; only the first right: {}, only the second: {}; p = "
      "{:.4f}\n",
      what, 100 * pair.difference, 100 * pair.interval.low, 100 * pair.interval.high,
      pair.only_first, pair.only_second, pair.p_value);
}

std::string to_text(const jobs::ComparedResult& result) {
  std::string text = fmt::format(
      "first: {}\n{}\nsecond: {}\n{}\nsecond minus first, 95 % interval\n", result.first.model_name,
      to_text(result.first), result.second.model_name, to_text(result.second));
  if (result.text) {
    text += fmt::format("bits/byte: {:+.4f} [{:+.4f}, {:+.4f}] over {} documents; p = {:.4f}\n",
                        result.text->difference, result.text->interval.low,
                        result.text->interval.high, result.text->documents, result.text->p_value);
  }
  if (result.choices) text += to_text(*result.choices, "accuracy");
  if (result.choices_normalized) text += to_text(*result.choices_normalized, "by characters");
  return text;
}

template <class Result>
void print(const Result& result, bool as_json) {
  Output output(STDOUT_FILENO);
  if (as_json) {
    output.write(to_json(result).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    output.write(visible(to_text(result)));
  }
  output.flush();
}

void note_truncated(const jobs::EvalResult& result, const Messages& messages) {
  if (!result.choices || result.choices->truncated == 0) return;
  messages.note(fmt::format("{} items did not fit the context and lost their beginning",
                            result.choices->truncated));
}

}  // namespace

int eval_command(const Arguments& words) {
  const EvalArguments a = parse_eval(words);
  const Messages messages(a.quiet);
  const InterruptScope interrupt;
  EvalProgress progress(a.quiet, interrupt);
  try {
    const jobs::EvalAsked what = asked(a, messages, progress);
    if (a.compare) {
      const jobs::ComparedResult result = jobs::compare_models(what);
      progress.end();
      note_truncated(result.first, messages);
      print(result, a.json);
      return kExitFine;
    }
    const jobs::EvalResult result = jobs::evaluate(what);
    progress.end();
    note_truncated(result, messages);
    if (a.items) base::write_file_atomically(*a.items, jobs::items_jsonl(result));
    if (a.calibration_svg) {
      base::write_file_atomically(
          *a.calibration_svg,
          report::calibration_svg(*result.text->calibration,
                                  "What probabilities of " + result.model_name + " are worth"));
    }
    print(result, a.json);
  } catch (const Interrupted&) {
    progress.end();
    messages.note("interrupted");
    return kExitInterrupted;
  }
  return kExitFine;
}

}  // namespace medgen::cli
