// `medgen sweep`: prompts under many settings, compared.
// The parts are elsewhere; here is only their order.
#include "research/sweep.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/files.h"
#include "base/new_file.h"
#include "base/refuse.h"
#include "base/text_blocks.h"
#include "base/value_shown.h"
#include "base/write_failure.h"
#include "cli/batch_run.h"
#include "cli/commands/commands.h"
#include "cli/options/batch_options.h"
#include "cli/options/table_options.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "jobs/sweep_report.h"
#include "medgen/error.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxSettingsFileBytes = std::uint64_t{16} << 20U;

struct SweepArguments {
  BatchArguments batch;
  std::optional<std::vector<std::string>> grid;
  std::optional<std::string> settings, folder, reference, baseline;
  std::optional<std::int64_t> rating_pack;
  bool raw_cells = false;
};

SweepArguments parse_sweep(const Arguments& words) {
  SweepArguments a;
  CommandLine line(
      "medgen sweep",
      "Compares sampling settings: continues every prompt of a file under each of them. A prompt "
      "is computed once for all settings, and its sample i draws the same random numbers under "
      "every setting, so that differences come from the settings. FOLDER gets samples.jsonl (a "
      "record for each prompt and setting, as `batch` writes it), metrics.json, metrics.csv and "
      "report.html; the table of metrics goes to standard output too. After an interruption of any "
      "kind the same command resumes after the last "
      "finished prompt, and ends with the same bytes. Settings under which nothing is "
      "drawn (greedy, beams) give one text unless they say n. Exit status 4: complete, but some "
      "prompts failed; or more than --max-errors.");
  declare_input(line, a.batch);
  a.batch.rows_may_set = false;
  line.texts("--grid", assigns("SETTING=VALUE,...", setting_names()), a.grid,
             "Values of one setting, such as temperature=0.5,0.7,1.0; given several times, all "
             "combinations are compared, at most 1000. Any setting below except the seed.");
  line.text("--settings", reads("FILE.jsonl"), a.settings,
            "Named settings instead of a grid, one per line: {\"name\": \"nucleus\", \"top_p\": "
            "0.95}.");
  line.exclude("--grid", "--settings");
  line.text("-o,--output", works_in("FOLDER"), a.folder, "Where results go; created if missing.");
  line.text("--reference", reads("FILE"), a.reference,
            "Texts that people wrote, to see which setting comes closest to them: .jsonl with "
            "{\"text\"}, and {\"prompt\"} where they continue one; .csv with a column text; .txt "
            "with blank lines between texts.");
  line.text("--baseline", "NAME", a.baseline,
            "The setting that the others are compared with. Default: the first.");
  line.number("--rating-pack", a.rating_pack,
              "Also write N texts in random order, for people to rate without knowing the settings "
              "(rating_pack.csv), and the key in a separate file (rating_key.csv); 1 or more.");
  line.choice(
      "--identifiers", {"off", "warn", "refuse", "mask"}, a.batch.identifiers,
      "What to do about what may identify a patient (see medgen screen) in prompts: warn, "
      "count it; refuse, give an error record; mask, put its class in its place, such as "
      "[date], before the model sees it. Negative prompts count as prompts. Generated texts are "
      "looked at too, marked, and never changed. Some is missed. Default: off.");
  declare_raw_cells(line, a.raw_cells, "metrics.csv and the rating pack");
  line.flag("--restart", a.batch.restart, "Start over: overwrite what is in FOLDER.");
  line.number("--max-errors", a.batch.max_errors,
              "Stop with status 4 when more prompts than this have failed; 0 or more. Default: no "
              "limit.");
  line.flag("--quiet", a.batch.quiet, "Print no notes, progress or summary on standard error.");
  declare_model(line, a.batch);
  line.parse(words);
  return a;
}

std::vector<research::SweepCell> read_cells(const SweepArguments& a) {
  if (a.grid) return research::grid_cells(*a.grid);
  if (a.settings) {
    return research::named_cells(
        base::read_text_file(*a.settings, kMaxSettingsFileBytes, ErrorCode::kUsage), *a.settings);
  }
  throw Error(ErrorCode::kUsage,
              "nothing to compare: give --grid SETTING=VALUE,... or --settings FILE.jsonl");
}

std::string baseline_of(const SweepArguments& a, const std::vector<research::SweepCell>& cells) {
  if (!a.baseline) return cells[0].name;
  const bool known = std::any_of(cells.begin(), cells.end(), [&](const research::SweepCell& cell) {
    return cell.name == *a.baseline;
  });
  if (known) return *a.baseline;
  throw Error(ErrorCode::kUsage,
              "the baseline is " + base::value_shown(*a.baseline) +
                  ", which is not one of the compared settings: they are named like \"" +
                  cells[0].name + "\"");
}

void validate(SweepArguments& a) {
  if (!a.folder) throw Error(ErrorCode::kUsage, "no output: give -o FOLDER");
  if (a.rating_pack && *a.rating_pack < 1) {
    base::refuse_value("rating-pack", fmt::to_string(*a.rating_pack), "at least 1",
                       "the number of texts to rate");
  }
  a.batch.output = (fs::path(*a.folder) / "samples.jsonl").string();
  validate(a.batch);
}

// Created for the results; removed again if there are none.
class Folder {
 public:
  explicit Folder(const fs::path& path) : path_(path) {
    base::require_own_folder(path);
    std::error_code error;
    if (fs::exists(path, error) && !fs::is_directory(path, error)) {
      throw Error(ErrorCode::kUsage, path.string() + " is not a folder; choose another output");
    }
    made_ = fs::create_directories(path, error);
    if (error) {
      throw Error(ErrorCode::kRuntime, fmt::format("cannot make the folder {}: {}", path.string(),
                                                   base::write_failure(error.value())));
    }
  }
  ~Folder() {
    std::error_code ignored;
    if (made_) fs::remove(path_, ignored);  // does nothing to one that is not empty
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

 private:
  fs::path path_;
  bool made_ = false;
};

// What is compared with what, and what the results are named after.
jobs::SweepReport planned_report(const SweepArguments& a,
                                 const std::vector<research::SweepCell>& cells) {
  jobs::SweepReport report;
  report.samples = *a.batch.output;
  report.metrics.baseline = baseline_of(a, cells);
  if (a.reference) {
    report.reference = jobs::read_reference(*a.reference);
    for (research::Sample& sample : report.reference) sample.specials = a.batch.specials;
    report.reference_name = fs::path(*a.reference).filename().string();
  }
  report.raw_cells = a.raw_cells;
  if (a.rating_pack) report.rating_pack = static_cast<std::size_t>(*a.rating_pack);
  return report;
}

}  // namespace

int sweep_command(const Arguments& words) {
  SweepArguments arguments = parse_sweep(words);
  validate(arguments);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that is too large fails in write(), like a full disk
  const Messages messages(arguments.batch.quiet);
  std::vector<research::SweepCell> cells = read_cells(arguments);
  jobs::SweepReport report = planned_report(arguments, cells);
  const Folder folder(*arguments.folder);

  jobs::RowIdentifiers identifiers(
      safety::identifier_action(arguments.batch.identifiers.value_or("off")));
  jobs::BatchAsked asking = asked(arguments.batch, messages);
  asking.identifiers = &identifiers;
  asking.variants = [&](const DecodingSettings& plain, const Tokenizer& tokenizer) {
    for (research::SweepCell& cell : cells) identifiers.watch_settings(cell.given, tokenizer);
    return research::sweep_settings(cells, plain, tokenizer);
  };
  const jobs::BatchResolved job = resolve_batch(std::move(asking));
  if (!arguments.batch.quiet) Messages::plain(safety::notice());
  const BatchEnd end = run_batch(job, {.quiet = arguments.batch.quiet});
  if (const std::string found = identifiers.summary(); !found.empty()) messages.note(found);
  if (!end.complete) return end.status;
  if (end.failed == end.rows) {
    messages.note("no prompt has texts, so there are no metrics; the records say why");
    return end.status;
  }
  const jobs::WrittenReport written = jobs::write_report(std::move(report), job, cells);
  messages.note(fmt::format("wrote {} in {}", fmt::join(written.files, ", "), *arguments.folder));
  Output output(STDOUT_FILENO);
  output.write(visible(written.table));
  output.flush();
  return end.status;
}

}  // namespace medgen::cli
