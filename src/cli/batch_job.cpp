// See the header; the order of operations in run_to_file() makes a job durable.
#include "cli/batch_job.h"

#include <algorithm>

#include "base/files.h"
#include "base/random.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "jobs/batch_slots.h"
#include "medgen/error.h"
#include "medgen/version.h"

namespace medgen::cli {
namespace {

using batch::Json;

// The defaults of OpenAI's form: 16 tokens, one continuation, temperature 1.
DecodingSettings openai_settings(const engine::SettingsJson& given, const DecodingSettings& plain) {
  engine::SettingsJson defaults = {{"n", 1}, {"temperature", 1.0}, {"top_p", 1.0}, {"top_k", 0}};
  if (!given.contains("max_length")) defaults["max_new_tokens"] = 16;
  for (const char* name : {"n", "num_return_sequences"}) {
    if (given.contains(name)) defaults.erase("n");
  }
  if (plain.sampling.num_beams > 1) defaults.erase("temperature");  // nothing is drawn
  for (const auto& [name, value] : given.items()) defaults[name] = value;
  return engine::make_settings(defaults, plain);
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

// The name and precision of the back end that a continued job was begun with; checked once it is
// loaded.
std::string part_of_model(const batch::OutputFile& file, const char* key) {
  if (!file.found() || !file.found()->job.contains("model")) return {};
  return file.found()->job["model"].value(key, std::string());
}

}  // namespace

BatchJob make_job(BatchArguments arguments) {
  BatchJob job;
  job.input = input_options(arguments);
  const engine::SettingsJson given = given_settings(arguments.decoding);
  resolve(arguments.decoding, {});  // refuses bad options before anything is opened
  job.model = jobs::open_model(arguments.model, arguments.tokenizer);
  job.maker.plain = resolve(arguments.decoding, job.model.defaults);
  job.maker.openai = openai_settings(given, job.maker.plain);
  job.maker.tokenizer = job.model.tokenizer.get();
  job.maker.vocab_size = std::max(job.model.config.vocab_size, job.model.tokenizer->vocab_size());
  job.maker.n_positions = job.model.config.n_positions;
  job.maker.max_slots = arguments.slots.value_or(jobs::automatic_slots(job.model.config));
  const bool truncate = arguments.truncate_prompt;
  job.maker.encode = [model = job.model, truncate](
                         std::string_view prompt, const StoppingParams& stopping, int n_positions) {
    std::vector<TokenId> tokens = jobs::prompt_tokens(model, prompt);
    if (!truncate) return tokens;
    const int kept = kept_prompt_tokens(static_cast<int>(tokens.size()), n_positions, stopping);
    tokens.erase(tokens.begin(), tokens.end() - kept);
    return tokens;
  };
  job.arguments = std::move(arguments);
  return job;
}

std::uint64_t choose_seed(const BatchJob& job, const batch::OutputFile* file) {
  if (seed_given(job.arguments)) return job.maker.plain.sampling.seed;
  if (file != nullptr && file->found()) {
    const batch::Json& found = file->found()->job;
    if (found.contains("settings") && found["settings"].contains("seed")) {
      return found["settings"]["seed"].get<std::uint64_t>();
    }
  }
  return base::system_seed();
}

void set_seed(BatchJob& job, std::uint64_t seed) {
  job.maker.plain.sampling.seed = seed;
  job.maker.openai.sampling.seed = seed;
  job.settings = engine::settings_json(job.maker.plain);
  job.settings["seed"] = seed;
  job.settings["openai"] = engine::settings_json(job.maker.openai);
  job.settings["truncate_prompt"] = job.arguments.truncate_prompt;
  if (job.maker.variants.empty()) return;
  job.settings = batch::Json{{"seed", seed}, {"variants", batch::Json::object()}};
  for (batch::NamedSettings& variant : job.maker.variants) {
    variant.settings.sampling.seed = seed;
    job.settings["variants"][variant.name] = engine::settings_json(variant.settings);
  }
}

void note_seed(const BatchJob& job, const Messages& messages) {
  if (seed_given(job.arguments)) return;
  const std::string seed = std::to_string(job.maker.plain.sampling.seed);
  messages.note("seed " + seed + " (repeat with --seed " + seed + ")");
}

batch::Json describe_job(const BatchJob& job, const std::optional<batch::Survey>& survey,
                         const std::string& backend, const std::string& precision) {
  const BatchArguments& a = job.arguments;
  batch::Json input{{"source", batch::is_standard_input(job.input) ? "standard input" : "files"}};
  if (survey) {
    input["rows"] = survey->rows;
    input["hash"] = survey->hash;
  }
  input["prompt_column"] = a.prompt_column.value_or("prompt");
  input["id_column"] = a.id_column.value_or("id");
  batch::Json all;
  all["input"] = std::move(input);
  all["model"] = batch::Json{{"name", job.model.name},
                             {"sha256", job.model.sha256},
                             {"backend", backend},
                             {"precision", precision}};
  all["settings"] = job.settings;
  all["trust_ids"] = a.trust_ids;
  if (!job.maker.variants.empty()) {
    // Beside job.settings, where the order does not count.
    for (const batch::NamedSettings& variant : job.maker.variants) {
      all["variants"].push_back(variant.name);
    }
    all["lines_per_row"] = job.maker.variants.size();
  }
  all["format"] = a.format.value_or("jsonl");
  all["order"] = a.unordered ? "as finished" : "input";
  all["shard"] =
      std::to_string(job.input.shard.index) + "/" + std::to_string(job.input.shard.count);
  all["medgen"] = std::string(version());
  return all;
}

std::optional<batch::Survey> look_ahead(const BatchJob& job, const Messages& messages,
                                        bool continued, const std::atomic<bool>& stop) {
  if (batch::is_standard_input(job.input)) return std::nullopt;
  const auto survey = batch::survey(job.input, continued ? nullptr : &job.maker, stop);
  if (survey.bad > 0) {
    messages.note(std::to_string(survey.bad) + " of " + std::to_string(survey.shard_rows) +
                  " rows are bad and will give error records; --check lists them");
  }
  return survey;
}

bool too_many_bad(const BatchJob& job, const std::optional<batch::Survey>& survey) {
  return survey && job.arguments.max_errors &&
         survey->bad > static_cast<std::uint64_t>(*job.arguments.max_errors);
}

OpenedModel open_model_of(BatchJob& job, const Messages& messages) {
  BackendOptions options = resolve(job.arguments.backend, messages);
  options.max_slots = job.maker.max_slots;
  // Samples that are one row until their settings diverge take a slot each.
  if (!job.arguments.slots && job.maker.variants.size() > 1)
    options.max_slots += options.max_slots / 3;
  OpenedModel opened;
  opened.backend = jobs::open_backend(job.model, options);
  opened.slots = std::min(options.max_slots, opened.backend->info().max_slots);
  job.maker.n_positions = opened.backend->info().n_positions;
  job.maker.vocab_size = opened.backend->info().vocab_size;
  return opened;
}

BatchSummary run_rows(const BatchJob& job, const OpenedModel& opened, const Records& records,
                      batch::RecordWriter& writer, const batch::JournalContent& start,
                      const std::optional<batch::Survey>& survey, const std::atomic<bool>& stop,
                      batch::Passed passed) {
  batch::RunOptions options;
  options.input = job.input;
  options.expected = survey;
  if (survey) options.input.duplicate_rows = survey->duplicate_rows;
  if (job.arguments.max_errors) {
    options.max_errors = static_cast<std::uint64_t>(*job.arguments.max_errors);
  }
  options.max_slots = opened.slots;
  options.window = std::max<std::uint64_t>(256, 8 * static_cast<std::uint64_t>(opened.slots));
  options.interrupted = &stop;
  options.format = records.record;
  options.passed = std::move(passed);
  BatchProgress progress(writer.rows(), survey ? survey->shard_rows : 0, job.arguments.quiet);
  options.progress = [&](const batch::RecordWriter& now, std::uint64_t tokens) {
    progress.show(now, tokens);
  };
  BatchSummary summary;
  summary.result = batch::run(*opened.backend, job.maker, writer, start, options);
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

int finish(const BatchJob& job, const BatchSummary& summary, const Messages& messages) {
  messages.note(summary_line(summary));
  if (job.arguments.stats) base::write_file_atomically(*job.arguments.stats, summary_json(summary));
  if (summary.result.ending == batch::Ending::kInterrupted) return kExitInterrupted;
  return summary.state.failed > 0 ? kExitSomeFailed : kExitFine;
}

FileOutcome run_to_file(
    BatchJob& job, const Messages& messages,
    const std::function<Records(const BatchJob&, const BackendInfo&)>& make_records) {
  const InterruptScope interrupt;
  for (const std::string& name : job.input.names) {
    std::error_code ignored;
    if (std::filesystem::equivalent(name, *job.arguments.output, ignored)) {
      throw Error(ErrorCode::kUsage, name + " is both input and output: choose another output");
    }
  }
  batch::OutputFile file(*job.arguments.output, job.arguments.restart);
  set_seed(job, choose_seed(job, &file));
  const bool continued = file.found().has_value();
  const auto survey = look_ahead(job, messages, continued, interrupt.flag());
  if (interrupt.interrupted()) return {.status = kExitInterrupted};
  file.require_same(
      describe_job(job, survey, part_of_model(file, "backend"), part_of_model(file, "precision")));
  if (continued && file.found()->committed.done && survey) {
    const batch::Committed& done = file.found()->committed;
    messages.note(*job.arguments.output + " is complete: " + std::to_string(done.rows) + " rows, " +
                  std::to_string(done.failed) + " failed; nothing to do");
    return {done.failed > 0 ? kExitSomeFailed : kExitFine, true, done.rows, done.failed};
  }
  if (too_many_bad(job, survey)) {
    Messages::error("more rows are bad than --max-errors " +
                    std::to_string(*job.arguments.max_errors) +
                    " allows: nothing was run; --check lists them");
    return {.status = kExitSomeFailed};
  }
  const OpenedModel opened = open_model_of(job, messages);
  const BackendInfo& info = opened.backend->info();
  batch::RecordWriter writer = file.begin(describe_job(job, survey, info.name, info.precision),
                                          batch::Json(), !job.arguments.unordered);
  note_seed(job, messages);
  if (continued) {
    messages.note("continuing " + *job.arguments.output + " after " +
                  std::to_string(writer.rows()) + " rows");
  }
  const Records records = make_records(job, info);
  if (writer.state().bytes == 0) writer.write_heading(records.heading);
  const batch::JournalContent start = continued ? *file.found() : batch::JournalContent{};
  const BatchSummary summary =
      run_rows(job, opened, records, writer, start, survey, interrupt.flag());
  return {finish(job, summary, messages), summary.result.ending == batch::Ending::kComplete,
          summary.state.rows, summary.state.failed};
}

}  // namespace medgen::cli
