// `medgen batch`: files of prompts to files of continuations.
// The parts are elsewhere; here is only their order.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "base/count_of.h"
#include "batch/write_output.h"
#include "cli/batch_run.h"
#include "cli/commands/commands.h"
#include "cli/options/batch_options.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/terminal_pipe.h"
#include "jobs/batch_job.h"
#include "jobs/identifier_watch.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

BatchArguments parse_batch(const Arguments& words) {
  BatchArguments arguments;
  CommandLine line(
      "medgen batch",
      "Continues every prompt of a file. Each finished row is safe on disk within a second; "
      "after an interruption of any kind the same command resumes, and the output ends as if "
      "nothing had "
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
int check(jobs::BatchAsked asked, const Messages& messages) {
  const InterruptScope interrupt;
  Output output(STDOUT_FILENO);
  const batch::Survey survey = jobs::check_rows(
      std::move(asked), interrupt.flag(), [&](const batch::BatchRow& row, std::uint64_t line) {
        output.write(visible(fmt::format("row {} (line {}): {}: {}\n", row.position + 1, line,
                                         row.error->code, row.error->message)));
      });
  output.flush();
  if (interrupt.interrupted()) return kExitInterrupted;
  messages.note(fmt::format("{}, {} bad", base::count_of(survey.shard_rows, "row"), survey.bad));
  return survey.bad > 0 ? kExitSomeFailed : kExitFine;
}

}  // namespace

int batch_command(const Arguments& words) {
  const BatchArguments arguments = parse_batch(words);
  validate(arguments);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that is too large fails in write(), like a full disk
  const Messages messages(arguments.quiet);
  jobs::RowIdentifiers identifiers(
      safety::identifier_action(arguments.identifiers.value_or("off")));
  jobs::BatchAsked asking = asked(arguments, messages);
  asking.identifiers = &identifiers;
  if (arguments.check) return check(std::move(asking), messages);
  const TerminalPipe shown(asking.descriptor);
  asking.descriptor = shown.descriptor();
  const jobs::BatchResolved job = resolve_batch(std::move(asking));
  if (!arguments.quiet) Messages::plain(safety::notice());
  try {
    const int status = run_batch(job, {arguments.quiet, arguments.stats}).status;
    if (const std::string found = identifiers.summary(); !found.empty()) messages.note(found);
    return status;
  } catch (const batch::ReaderGone&) {
    throw OutputClosed{};
  }
}

}  // namespace medgen::cli
