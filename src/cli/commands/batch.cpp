// `medgen batch`: files of prompts to files of continuations.
// The parts are elsewhere; here is only their order.
#include <unistd.h>

#include <csignal>
#include <memory>

#include "batch/finished_row.h"
#include "batch/output_file.h"
#include "batch/retry.h"
#include "batch/write_output.h"
#include "cli/batch_job.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "medgen/error.h"
#include "records/writer.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

using batch::Json;

BatchArguments parse_batch(const Arguments& words) {
  BatchArguments arguments;
  CommandLine line(
      "medgen batch",
      "Continues every prompt of a file. Each finished row is safe on disk within a second; "
      "after "
      "an interruption of any kind the same command resumes, and the output ends as if nothing had "
      "happened. A journal beside the output (FILE.journal) records what was done, and for which "
      "input, model and settings. From standard input, the finished rows are read "
      "again, compared with the journal, and skipped. A row that cannot be "
      "processed gives a record {\"id\", \"error\": {\"code\", \"message\"}}. Interrupted (Ctrl-C, "
      "SIGTERM) it "
      "keeps the finished rows and exits with 130. Exit status 4: complete, but some rows failed; "
      "or "
      "more than --max-errors.");
  declare(line, arguments);
  line.parse(words);
  return arguments;
}

// Lists what is wrong with the input; the exit status of --check.
int check(const BatchJob& job) {
  const InterruptScope interrupt;
  Output output(STDOUT_FILENO);
  const batch::Survey survey = batch::survey(
      job.input, &job.maker, interrupt.flag(), [&](const batch::BatchRow& row, std::uint64_t line) {
        output.write("row " + std::to_string(row.position + 1) + " (line " + std::to_string(line) +
                     "): " + row.error->code + ": " + row.error->message + "\n");
      });
  output.flush();
  if (interrupt.interrupted()) return kExitInterrupted;
  Messages(job.arguments.quiet)
      .note(std::to_string(survey.shard_rows) + " rows, " + std::to_string(survey.bad) + " bad");
  return survey.bad > 0 ? kExitSomeFailed : kExitFine;
}

Records make_records(const BatchJob& job, const BackendInfo& backend) {
  const records::Writer writer({job.model.name, job.model.sha256, backend, job.maker.tokenizer});
  const records::Form form = record_form(job.arguments);
  return {records::heading(form), [writer, form](const batch::FinishedRow& finished) {
            return writer.write(batch::record_of(finished), batch::form_of(finished.row, form));
          }};
}

// Standard input to standard output, or a file to standard output: nothing is kept.
int filter(BatchJob job, const Messages& messages) {
  const InterruptScope interrupt;
  set_seed(job, choose_seed(job, nullptr));
  const auto survey = look_ahead(job, messages, false, interrupt.flag());
  if (interrupt.interrupted()) return kExitInterrupted;
  if (too_many_bad(job, survey)) return kExitSomeFailed;
  const OpenedModel opened = open_model_of(job, messages);
  note_seed(job, messages);
  const Records records = make_records(job, opened.backend->info());
  batch::RecordWriter writer(STDOUT_FILENO, "standard output", !job.arguments.unordered);
  writer.write_heading(records.heading);
  return finish(job, run_rows(job, opened, records, writer, {}, survey, interrupt.flag()),
                messages);
}

// The job except the rows' text, which may have been corrected.
batch::Json without_input_hash(batch::Json job) {
  if (job.contains("input")) job["input"].erase("hash");
  return job;
}

int retry_errors(BatchJob job, const Messages& messages) {
  const InterruptScope interrupt;
  const std::filesystem::path output = *job.arguments.output;
  batch::mend_retry(output);
  const batch::OutputFile old(output, false);
  if (!old.found() || !old.found()->committed.done) {
    throw Error(ErrorCode::kUsage, output.string() +
                                       " is not a complete batch: give the command without "
                                       "--retry-errors to complete it first");
  }
  set_seed(job, choose_seed(job, &old));
  if (old.found()->committed.failed == 0) {
    messages.note(output.string() + " has no failed rows; nothing to do");
    return kExitFine;
  }
  const auto survey = look_ahead(job, messages, false, interrupt.flag());
  if (interrupt.interrupted()) return kExitInterrupted;
  const OpenedModel opened = open_model_of(job, messages);
  const BackendInfo& info = opened.backend->info();
  const batch::Json described = describe_job(job, survey, info.name, info.precision);
  old.require_same(described, without_input_hash);
  const batch::Json extra{{"retry_of", old.found()->committed.sha256}};
  const auto file = batch::open_retry(output, described, extra);
  const batch::JournalContent start = file->found().value_or(batch::JournalContent{});
  batch::RecordWriter writer = file->begin(described, extra, true);
  const Records records = make_records(job, opened.backend->info());
  batch::OldOutput kept(output);
  const BatchSummary summary =
      run_rows(job, opened, records, writer, start, survey, interrupt.flag(),
               [&](const batch::BatchRow& row) { return kept.record_of(row); });
  if (summary.result.ending == batch::Ending::kComplete) batch::replace_by_retry(output);
  return finish(job, summary, messages);
}

}  // namespace

int batch_command(const Arguments& words) {
  BatchArguments arguments = parse_batch(words);
  validate(arguments);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that is too large fails in write(), like a full disk
  const Messages messages(arguments.quiet);
  BatchJob job = make_job(std::move(arguments));
  if (job.arguments.check) return check(job);
  if (!job.arguments.quiet) Messages::plain(safety::notice());
  try {
    if (job.arguments.retry_errors) return retry_errors(std::move(job), messages);
    if (to_standard_output(job.arguments)) return filter(std::move(job), messages);
    return run_to_file(job, messages, make_records).status;
  } catch (const batch::ReaderGone&) {
    throw OutputClosed{};
  }
}

}  // namespace medgen::cli
