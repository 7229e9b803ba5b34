// `medgen batch`: files of prompts to files of continuations.
// The parts are elsewhere; here is only their order.
#include "batch/run.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "base/files.h"
#include "base/random.h"
#include "batch/output_file.h"
#include "batch/retry.h"
#include "batch/write_all.h"
#include "cli/batch_options.h"
#include "cli/batch_progress.h"
#include "cli/batch_records.h"
#include "cli/batch_slots.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "medgen/error.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

using batch::Json;

BatchArguments parse(const Arguments& words) {
  BatchArguments arguments;
  CommandLine line(
      "medgen batch",
      "Continues every prompt of a file. Each finished row is safe on the disk within a second; after "
      "an interruption of any kind the same command goes on, and the output ends as if nothing had "
      "happened. What was done is kept in a journal beside the output (FILE.journal), which knows "
      "the input, the model and the settings. Of standard input the rows that are done are read "
      "again, compared with what the journal knows of them, and passed over. A row that cannot be "
      "done gives a record {\"id\", \"error\": {\"code\", \"message\"}}. Interrupted (Ctrl-C, SIGTERM) it "
      "keeps the finished rows and exits with 130. Exit status 4: complete, but some rows failed; or "
      "more than --max-errors.");
  declare(line, arguments);
  line.parse(words);
  return arguments;
}

// Everything of a run that is known before the model's weights are loaded.
struct Plan {
  BatchArguments arguments;
  batch::InputOptions input;
  Model model;
  batch::RequestMaker maker;
  Json settings;  // as records and the journal give them
};

// What OpenAI's form means by what it does not say: 16 tokens, one continuation, temperature 1.
DecodingSettings openai_settings(const SettingsJson& given, const DecodingSettings& plain) {
  SettingsJson defaults = {{"n", 1}, {"temperature", 1.0}, {"top_p", 1.0}, {"top_k", 0}};
  if (!given.contains("max_length")) defaults["max_new_tokens"] = 16;
  for (const char* name : {"n", "num_return_sequences"}) {
    if (given.contains(name)) defaults.erase("n");
  }
  for (const auto& [name, value] : given.items()) defaults[name] = value;
  return make_settings(defaults, plain);
}

// The seed of the job: the user's, or that of the job which is continued, or a new one.
std::uint64_t choose_seed(const Plan& plan, const batch::OutputFile* file) {
  if (seed_given(plan.arguments)) return plan.maker.plain.sampling.seed;
  if (file != nullptr && file->found()) {
    const Json& job = file->found()->job;
    if (job.contains("settings") && job["settings"].contains("seed")) {
      return job["settings"]["seed"].get<std::uint64_t>();
    }
  }
  return system_seed();
}

Plan make_plan(BatchArguments arguments) {
  Plan plan;
  plan.input = input_options(arguments);
  const SettingsJson given = given_settings(arguments.decoding);
  resolve(arguments.decoding, {});  // what the user typed is refused before anything is opened
  plan.model = open_model(arguments.model, arguments.tokenizer);
  plan.maker.plain = resolve(arguments.decoding, plan.model.defaults);
  plan.maker.openai = openai_settings(given, plan.maker.plain);
  plan.maker.tokenizer = plan.model.tokenizer.get();
  plan.maker.vocab_size =
      std::max(plan.model.config.vocab_size, plan.model.tokenizer->vocab_size());
  plan.maker.n_positions = plan.model.config.n_positions;
  plan.maker.max_slots = arguments.slots.value_or(automatic_slots(plan.model.config));
  const bool truncate = arguments.truncate_prompt;
  plan.maker.encode = [tokenizer = plan.model.tokenizer, prefix = plan.model.prompt_prefix, truncate,
                       n_positions = plan.model.config.n_positions](
                          std::string_view prompt, const StoppingParams& stopping) {
    std::vector<TokenId> tokens = prompt_tokens(*tokenizer, prefix, prompt);
    if (!truncate) return tokens;
    const int kept = kept_prompt_tokens(static_cast<int>(tokens.size()), n_positions, stopping);
    tokens.erase(tokens.begin(), tokens.end() - kept);
    return tokens;
  };
  plan.arguments = std::move(arguments);
  return plan;
}

void set_seed(Plan& plan, std::uint64_t seed) {
  plan.maker.plain.sampling.seed = seed;
  plan.maker.openai.sampling.seed = seed;
  plan.settings = settings_json(plan.maker.plain);
  plan.settings["seed"] = seed;
  plan.settings["openai"] = settings_json(plan.maker.openai);
  plan.settings["truncate_prompt"] = plan.arguments.truncate_prompt;
}

// What makes the output what it is; see Journal.
Json describe_job(const Plan& plan, const std::optional<batch::Survey>& survey,
                  const std::string& backend, const std::string& precision) {
  const BatchArguments& a = plan.arguments;
  Json input{{"source", batch::is_standard_input(plan.input) ? "standard input" : "files"}};
  if (survey) {
    input["rows"] = survey->rows;
    input["hash"] = survey->hash;
  }
  input["prompt_column"] = a.prompt_column.value_or("prompt");
  input["id_column"] = a.id_column.value_or("id");
  Json job;
  job["input"] = std::move(input);
  job["model"] = Json{{"name", plan.model.name},
                      {"sha256", plan.model.sha256},
                      {"backend", backend},
                      {"precision", precision}};
  job["settings"] = plan.settings;
  job["trust_ids"] = a.trust_ids;
  job["format"] = a.format.value_or("jsonl");
  job["order"] = a.unordered ? "as finished" : "input";
  job["shard"] = std::to_string(plan.input.shard.index) + "/" + std::to_string(plan.input.shard.count);
  job["medgen"] = MEDGEN_VERSION;
  return job;
}

// Lists what is wrong with the input; the exit status of --check.
int check(const Plan& plan) {
  const InterruptScope interrupt;
  Output output(STDOUT_FILENO);
  const batch::Survey survey = batch::survey(
      plan.input, &plan.maker, interrupt.flag(),
      [&](const batch::BatchRow& row, std::uint64_t line) {
        output.write("row " + std::to_string(row.position + 1) + " (line " + std::to_string(line) +
                     "): " + row.error->code + ": " + row.error->message + "\n");
      });
  output.flush();
  if (interrupt.interrupted()) return kExitInterrupted;
  Messages(plan.arguments.quiet)
      .note(std::to_string(survey.shard_rows) + " rows, " + std::to_string(survey.bad) + " bad");
  return survey.bad > 0 ? kExitSomeFailed : kExitFine;
}

// Reads a file's rows before anything is loaded: all checks for a new job, the hash alone for one
// that is continued.
std::optional<batch::Survey> look_ahead(const Plan& plan, const Messages& messages, bool continued,
                                        const std::atomic<bool>& stop) {
  if (batch::is_standard_input(plan.input)) return std::nullopt;
  const auto survey = batch::survey(plan.input, continued ? nullptr : &plan.maker, stop);
  if (survey.bad > 0) {
    messages.note(std::to_string(survey.bad) + " of " + std::to_string(survey.shard_rows) +
                  " rows are bad and will give error records; --check lists them");
  }
  return survey;
}

struct Opened {
  std::unique_ptr<Backend> backend;
  int slots = 0;
};

Opened open(Plan& plan, const Messages& messages) {
  BackendOptions options = resolve(plan.arguments.backend);
  options.max_slots = plan.maker.max_slots;
  Opened opened;
  opened.backend = open_backend(plan.model, options,
                                [&](const std::string& text) { messages.note(text); });
  opened.slots = std::min(options.max_slots, opened.backend->info().max_slots);
  plan.maker.n_positions = opened.backend->info().n_positions;
  plan.maker.vocab_size = opened.backend->info().vocab_size;
  return opened;
}

std::string ending_name(batch::Ending ending) {
  switch (ending) {
    case batch::Ending::kComplete:
      return "complete";
    case batch::Ending::kInterrupted:
      return "interrupted";
    case batch::Ending::kTooManyErrors:
      return "too many errors";
  }
  return "unknown";
}

int finish(const Plan& plan, const BatchSummary& summary, const Messages& messages) {
  messages.note(summary_line(summary));
  if (plan.arguments.stats) write_file_atomically(*plan.arguments.stats, summary_json(summary));
  if (summary.result.ending == batch::Ending::kInterrupted) return kExitInterrupted;
  return summary.state.failed > 0 ? kExitSomeFailed : kExitFine;
}

// Runs the rows that are left into `writer`.
BatchSummary run_rows(const Plan& plan, const Opened& opened, const RecordMaker& records,
                      batch::RecordWriter& writer, const batch::JournalContent& start,
                      const std::optional<batch::Survey>& survey, const std::atomic<bool>& stop,
                      batch::Passed passed = {}) {
  batch::RunOptions options;
  options.input = plan.input;
  options.expected = survey;
  if (plan.arguments.max_errors) {
    options.max_errors = static_cast<std::uint64_t>(*plan.arguments.max_errors);
  }
  options.max_slots = opened.slots;
  options.window = std::max<std::uint64_t>(256, 8 * static_cast<std::uint64_t>(opened.slots));
  options.interrupted = &stop;
  options.format = [&](const batch::FinishedRow& row) { return records.record(row); };
  options.passed = std::move(passed);
  BatchProgress progress(writer.rows(), survey ? survey->shard_rows : 0,
                         plan.arguments.quiet);
  options.progress = [&](const batch::RecordWriter& now, std::uint64_t tokens) {
    progress.show(now, tokens);
  };
  BatchSummary summary;
  summary.result = batch::run(*opened.backend, plan.maker, writer, start, options);
  progress.end();
  summary.ending = ending_name(summary.result.ending);
  summary.state = writer.state();
  summary.rows_total = survey ? survey->shard_rows : 0;
  summary.seconds = progress.seconds();
  summary.slots = opened.slots;
  summary.backend = opened.backend->info().name;
  summary.precision = opened.backend->info().precision;
  return summary;
}

void note_seed(const Plan& plan, const Messages& messages) {
  if (seed_given(plan.arguments)) return;
  const std::string seed = std::to_string(plan.maker.plain.sampling.seed);
  messages.note("seed " + seed + " (repeat with --seed " + seed + ")");
}

bool too_many_bad(const Plan& plan, const std::optional<batch::Survey>& survey) {
  return survey && plan.arguments.max_errors &&
         survey->bad > static_cast<std::uint64_t>(*plan.arguments.max_errors);
}

// Standard input to standard output, or a file to standard output: nothing is kept.
int filter(Plan plan, const Messages& messages) {
  const InterruptScope interrupt;
  set_seed(plan, choose_seed(plan, nullptr));
  const auto survey = look_ahead(plan, messages, false, interrupt.flag());
  if (interrupt.interrupted()) return kExitInterrupted;
  if (too_many_bad(plan, survey)) return kExitSomeFailed;
  const Opened opened = open(plan, messages);
  note_seed(plan, messages);
  const RecordMaker records(record_format(plan.arguments), plan.model.name, plan.model.sha256,
                            opened.backend->info());
  batch::RecordWriter writer(STDOUT_FILENO, "standard output", !plan.arguments.unordered);
  writer.write_heading(records.heading());
  return finish(plan, run_rows(plan, opened, records, writer, {}, survey, interrupt.flag()),
                messages);
}

// The name and precision of the back end that a continued job was begun with; checked once it is
// loaded.
std::string part_of_model(const batch::OutputFile& file, const char* key) {
  if (!file.found() || !file.found()->job.contains("model")) return {};
  return file.found()->job["model"].value(key, std::string());
}

int to_file(Plan plan, const Messages& messages) {
  const InterruptScope interrupt;
  for (const std::string& name : plan.input.names) {
    std::error_code ignored;
    if (std::filesystem::equivalent(name, *plan.arguments.output, ignored)) {
      throw Error(ErrorCode::kUsage, name + " is input and output at once: choose another output");
    }
  }
  batch::OutputFile file(*plan.arguments.output, plan.arguments.restart);
  set_seed(plan, choose_seed(plan, &file));
  const bool continued = file.found().has_value();
  const auto survey = look_ahead(plan, messages, continued, interrupt.flag());
  if (interrupt.interrupted()) return kExitInterrupted;
  file.require_same(describe_job(plan, survey, part_of_model(file, "backend"),
                                 part_of_model(file, "precision")));
  if (continued && file.found()->committed.done && survey) {
    const batch::Committed& done = file.found()->committed;
    messages.note(*plan.arguments.output + " is complete: " + std::to_string(done.rows) + " rows, " +
                  std::to_string(done.failed) + " failed; nothing to do");
    return done.failed > 0 ? kExitSomeFailed : kExitFine;
  }
  if (too_many_bad(plan, survey)) {
    Messages::error("more rows are bad than --max-errors " +
                    std::to_string(*plan.arguments.max_errors) +
                    " allows: nothing was run; --check lists them");
    return kExitSomeFailed;
  }
  const Opened opened = open(plan, messages);
  const BackendInfo& info = opened.backend->info();
  const Json job = describe_job(plan, survey, info.name, info.precision);
  batch::RecordWriter writer = file.begin(job, Json(), !plan.arguments.unordered);
  note_seed(plan, messages);
  if (continued) {
    messages.note("continuing " + *plan.arguments.output + " after " + std::to_string(writer.rows()) +
                  " rows");
  }
  const RecordMaker records(record_format(plan.arguments), plan.model.name, plan.model.sha256, info);
  if (writer.state().bytes == 0) writer.write_heading(records.heading());
  const batch::JournalContent start = continued ? *file.found() : batch::JournalContent{};
  return finish(plan, run_rows(plan, opened, records, writer, start, survey, interrupt.flag()),
                messages);
}

// The job but for the rows' text, which may have been mended.
Json without_input_hash(Json job) {
  if (job.contains("input")) job["input"].erase("hash");
  return job;
}

// The output that grows beside the old one: continued if it was begun for the same.
std::unique_ptr<batch::OutputFile> open_retry(const std::filesystem::path& output, const Json& job,
                                              const Json& extra) {
  const std::filesystem::path path = batch::retry_path(output);
  const bool begun = std::filesystem::exists(batch::journal_path(path));
  auto file = std::make_unique<batch::OutputFile>(path, !begun);
  if (!begun || (file->found()->job == job && file->found()->extra == extra)) return file;
  file.reset();
  return std::make_unique<batch::OutputFile>(path, true);
}

int retry_errors(Plan plan, const Messages& messages) {
  const InterruptScope interrupt;
  const std::filesystem::path output = *plan.arguments.output;
  batch::mend_retry(output);
  const batch::OutputFile old(output, false);
  if (!old.found() || !old.found()->committed.done) {
    throw Error(ErrorCode::kUsage, output.string() +
                                       " is not a complete batch: give the command without "
                                       "--retry-errors to complete it first");
  }
  set_seed(plan, choose_seed(plan, &old));
  if (old.found()->committed.failed == 0) {
    messages.note(output.string() + " has no failed rows; nothing to do");
    return kExitFine;
  }
  const auto survey = look_ahead(plan, messages, false, interrupt.flag());
  if (interrupt.interrupted()) return kExitInterrupted;
  const Opened opened = open(plan, messages);
  const BackendInfo& info = opened.backend->info();
  const Json job = describe_job(plan, survey, info.name, info.precision);
  old.require_same(job, without_input_hash);
  const Json extra{{"retry_of", old.found()->committed.sha256}};
  const auto file = open_retry(output, job, extra);
  const batch::JournalContent start = file->found().value_or(batch::JournalContent{});
  batch::RecordWriter writer = file->begin(job, extra, true);
  const RecordMaker records(RecordFormat::kJsonl, plan.model.name, plan.model.sha256, info);
  batch::OldOutput kept(output);
  const BatchSummary summary =
      run_rows(plan, opened, records, writer, start, survey, interrupt.flag(),
               [&](const batch::BatchRow& row) { return kept.record_of(row); });
  if (summary.result.ending == batch::Ending::kComplete) batch::replace_by_retry(output);
  return finish(plan, summary, messages);
}

}  // namespace

int batch_command(const Arguments& words) {
  BatchArguments arguments = parse(words);
  validate(arguments);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that is too large is an error of write(), as a full disk
  const Messages messages(arguments.quiet);
  Plan plan = make_plan(std::move(arguments));
  if (plan.arguments.check) return check(plan);
  if (!plan.arguments.quiet) Messages::plain(notice());
  try {
    if (plan.arguments.retry_errors) return retry_errors(std::move(plan), messages);
    return to_standard_output(plan.arguments) ? filter(std::move(plan), messages)
                                              : to_file(std::move(plan), messages);
  } catch (const batch::ReaderGone&) {
    throw OutputClosed{};
  }
}

}  // namespace medgen::cli
