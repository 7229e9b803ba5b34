// See the header.
#include "cli/batch_run.h"

#include <fmt/format.h>

#include "base/count_of.h"
#include "base/files.h"
#include "cli/batch_progress.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"

namespace medgen::cli {
namespace {

int status_of(std::uint64_t failed) { return failed > 0 ? kExitSomeFailed : kExitFine; }

void note_bad_rows(const jobs::BatchResolved& job, const Messages& messages) {
  if (!job.survey || job.survey->bad == 0) return;
  messages.note(fmt::format("{} of {} will give error records: bad rows, which --check lists",
                            job.survey->bad, base::count_of(job.survey->shard_rows, "row")));
}

// An output that needs nothing more.
BatchEnd end_complete(const jobs::BatchResolved& job, const Messages& messages) {
  const batch::Committed& done = job.found()->committed;
  const std::string name = job.asked.output.string();
  if (job.asked.retry_errors) {
    messages.note(name + " has no failed rows; nothing to do");
  } else {
    messages.note(fmt::format("{} is complete: {}, {} failed; nothing to do", name,
                              base::count_of(done.rows, "row"), done.failed));
  }
  return {status_of(done.failed), true, done.rows, done.failed};
}

BatchEnd end_too_many_bad(const jobs::BatchResolved& job) {
  if (job.file) {
    Messages::error(
        fmt::format("more rows are bad than --max-errors {} allows: nothing was run; --check lists "
                    "them",
                    *job.asked.max_errors));
  }
  return {.status = kExitSomeFailed};
}

// A retry has the old output's seed, and no other would do.
void note_begin(const jobs::BatchResolved& job, const jobs::BatchOpened& opened,
                const Messages& messages) {
  if (job.asked.retry_errors) return;
  if (!job.seed_given()) {
    messages.note(fmt::format("seed {0} (repeat with --seed {0})", job.seed()));
  }
  if (job.found() != nullptr) {
    messages.note(fmt::format("continuing {} after {}", job.asked.output.string(),
                              base::count_of(opened.writer.rows(), "row")));
  }
}

jobs::BatchSummary run_rows(const jobs::BatchResolved& job, jobs::BatchOpened& opened,
                            const BatchTalk& talk, const std::atomic<bool>& stop) {
  BatchProgress progress(opened.writer.rows(), job.survey ? job.survey->shard_rows : 0, talk.quiet);
  return jobs::run(job, opened, stop, [&](const batch::RecordWriter& now, std::uint64_t tokens) {
    progress.show(now, tokens);
  });
}

}  // namespace

jobs::BatchResolved resolve_batch(jobs::BatchAsked asked) {
  const InterruptScope interrupt;
  return jobs::resolve(std::move(asked), interrupt.flag());
}

BatchEnd run_batch(const jobs::BatchResolved& job, const BatchTalk& talk) {
  const InterruptScope interrupt;
  const Messages messages(talk.quiet);
  note_all(job.model.defaults.notes, messages);
  note_bad_rows(job, messages);
  switch (job.left) {
    case jobs::BatchLeft::kUnknown:
      return {.status = kExitInterrupted};
    case jobs::BatchLeft::kNothing:
      return end_complete(job, messages);
    case jobs::BatchLeft::kTooManyBad:
      return end_too_many_bad(job);
    case jobs::BatchLeft::kRows:
      break;
  }
  jobs::BatchOpened opened(job);
  finish_loading(safety::Writes::kAsBefore);
  note_begin(job, opened, messages);
  const jobs::BatchSummary summary = run_rows(job, opened, talk, interrupt.flag());
  messages.note(summary_line(summary));
  if (talk.stats) base::write_file_atomically(*talk.stats, summary_json(summary));
  const bool interrupted = summary.result.ending == batch::Ending::kInterrupted;
  return {interrupted ? kExitInterrupted : status_of(summary.state.failed),
          summary.result.ending == batch::Ending::kComplete, summary.state.rows,
          summary.state.failed};
}

}  // namespace medgen::cli
