// The model is loaded and the output begun; then the rows are run.
#include <algorithm>
#include <chrono>
#include <vector>

#include "batch/finished_row.h"
#include "jobs/batch_description.h"
#include "jobs/batch_job.h"
#include "records/writer.h"

namespace medgen::jobs {
namespace {

using Clock = std::chrono::steady_clock;

BackendOptions options_of(const BatchResolved& job) {
  BackendOptions options = job.asked.backend;
  options.max_slots = job.maker.max_slots;
  // Samples that are one row until their settings diverge take a slot each.
  if (!job.asked.slots && job.maker.variants.size() > 1) options.max_slots += options.max_slots / 3;
  return options;
}

using RecordOf = std::function<std::string(const batch::FinishedRow&)>;

// A record of each row; of a sweep, one for each of its settings.
RecordOf record_of(const BatchResolved& job, const BackendInfo& backend) {
  const records::Writer writer({job.model.name, job.model.sha256, backend, job.maker.tokenizer},
                               job.columns);
  if (job.variants.empty()) {
    return [writer, form = job.asked.form,
            identifiers = job.asked.identifiers](const batch::FinishedRow& finished) {
      records::Record record = batch::record_of(finished);
      if (identifiers != nullptr) identifiers->watch_texts(finished.row, {&record, 1});
      return writer.write(record, batch::form_of(finished.row, form));
    };
  }
  return [writer, settings = job.variants,
          identifiers = job.asked.identifiers](const batch::FinishedRow& finished) {
    std::string lines;
    std::vector<records::Record> all = batch::records_of(finished, settings);
    if (identifiers != nullptr) identifiers->watch_texts(finished.row, all);
    for (const records::Record& record : all) {
      lines += writer.write(record, records::Form::kSweep);
    }
    return lines;
  };
}

// The job except the rows' text, which may have been corrected.
batch::Json without_input_hash(batch::Json job) {
  if (job.contains("input")) job["input"].erase("hash");
  return job;
}

// Of a new output, of one that is continued, or of a retry, in which the old one counts besides.
batch::RecordWriter begin_output(const BatchResolved& job, const batch::Json& described,
                                 BatchOpened& opened) {
  const BatchAsked& asked = job.asked;
  if (!job.file) {
    return {asked.descriptor, "standard output", asked.in_order};
  }
  if (!asked.retry_errors) {
    if (job.found() != nullptr) opened.start = *job.found();
    return job.file->begin(described, batch::Json(), asked.in_order);
  }
  job.file->require_same(described, without_input_hash);
  const batch::Json extra{{"retry_of", job.found()->committed.sha256}};
  opened.retry = batch::open_retry(asked.output, described, extra);
  opened.start = opened.retry->found().value_or(batch::JournalContent{});
  if (records::is_table(asked.form)) {
    opened.old = std::make_unique<batch::OldOutput>(asked.output, job.columns);
  } else {
    opened.old = std::make_unique<batch::OldOutput>(asked.output);
  }
  return opened.retry->begin(described, extra, true);
}

batch::RunOptions run_options(const BatchResolved& job, const BatchOpened& opened,
                              const std::atomic<bool>& stop, OnBatchProgress progress) {
  batch::RunOptions options;
  options.input = job.asked.input;
  if (job.survey) options.input.warn = {};  // the survey did
  options.expected = job.survey;
  if (job.survey) options.input.duplicate_rows = job.survey->duplicate_rows;
  options.max_errors = job.asked.max_errors;
  options.max_slots = opened.slots;
  options.window = std::max<std::uint64_t>(256, 8 * static_cast<std::uint64_t>(opened.slots));
  options.interrupted = &stop;
  options.format = opened.record;
  if (opened.old) {
    options.passed = [old = opened.old.get()](const batch::BatchRow& row) {
      return old->record_of(row);
    };
  }
  options.progress = std::move(progress);
  return options;
}

}  // namespace

std::unique_ptr<Backend> open_backend(const BatchResolved& job) {
  return open_backend(job.model, options_of(job));
}

BatchOpened::BatchOpened(const BatchResolved& job)
    : backend(open_backend(job)),
      slots(std::min(options_of(job).max_slots, backend->info().max_slots)),
      maker(job.maker),
      record(record_of(job, backend->info())),
      writer(begin_output(job, describe(job, backend->info().name, backend->info().precision),
                          *this)) {
  maker.n_positions = backend->info().n_positions;
  maker.vocab_size = backend->info().vocab_size;
  if (writer.state().bytes == 0) {
    writer.write_heading(records::heading(job.asked.form, job.columns));
  }
}

BatchSummary run(const BatchResolved& job, BatchOpened& opened, const std::atomic<bool>& stop,
                 OnBatchProgress progress) {
  const Clock::time_point begin = Clock::now();
  BatchSummary summary;
  summary.result = batch::run(*opened.backend, opened.maker, opened.writer, opened.start,
                              run_options(job, opened, stop, std::move(progress)));
  summary.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const bool complete = summary.result.ending == batch::Ending::kComplete;
  if (opened.retry && complete) batch::replace_by_retry(job.asked.output);
  summary.state = opened.writer.state();
  summary.rows_total = job.survey ? job.survey->shard_rows : 0;
  summary.slots = opened.slots;
  summary.backend = opened.backend->info().name;
  summary.precision = opened.backend->info().precision;
  return summary;
}

}  // namespace medgen::jobs
