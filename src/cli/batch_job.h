// What `batch` and `sweep` share: rows of an input, a model and settings become records in a file,
// durably.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "batch/output_file.h"
#include "batch/retry.h"
#include "batch/run.h"
#include "cli/batch_progress.h"
#include "cli/options/batch_options.h"
#include "cli/output.h"
#include "jobs/model_files.h"

namespace medgen::cli {

// Everything about a run that is known before the model's weights are loaded.
struct BatchJob {
  BatchArguments arguments;
  batch::InputOptions input;
  jobs::ModelFiles model;
  batch::RequestMaker maker;
  batch::Json settings;  // as the journal gives them
};

// Throws Error(kUsage) for settings out of range before anything is opened.
BatchJob make_job(BatchArguments arguments);

// The seed of the job: the user's, that of the continued job, or a new one.
std::uint64_t choose_seed(const BatchJob& job, const batch::OutputFile* file);
void set_seed(BatchJob& job, std::uint64_t seed);
void note_seed(const BatchJob& job, const Messages& messages);

// What makes the output what it is; see Journal.
batch::Json describe_job(const BatchJob& job, const std::optional<batch::Survey>& survey,
                         const std::string& backend, const std::string& precision);

// Reads a file's rows before anything is loaded: all checks for a new job, only the hash for one
// that is continued.
std::optional<batch::Survey> look_ahead(const BatchJob& job, const Messages& messages,
                                        bool continued, const std::atomic<bool>& stop);

// Whether more rows are bad than --max-errors allows.
bool too_many_bad(const BatchJob& job, const std::optional<batch::Survey>& survey);

struct OpenedModel {
  std::unique_ptr<Backend> backend;
  int slots = 0;
};
OpenedModel open_model_of(BatchJob& job, const Messages& messages);

// How results are written.
struct Records {
  std::string heading;
  std::function<std::string(const batch::FinishedRow&)> record;
};

// Runs the remaining rows into `writer`.
BatchSummary run_rows(const BatchJob& job, const OpenedModel& opened, const Records& records,
                      batch::RecordWriter& writer, const batch::JournalContent& start,
                      const std::optional<batch::Survey>& survey, const std::atomic<bool>& stop,
                      batch::Passed passed = {});

// Says how it ended; the exit status.
int finish(const BatchJob& job, const BatchSummary& summary, const Messages& messages);

// From the lock on the output to its last record. `job` is then as it was run.
struct FileOutcome {
  int status = 0;
  bool complete = false;
  std::uint64_t rows = 0, failed = 0;  // in the file
};
FileOutcome run_to_file(
    BatchJob& job, const Messages& messages,
    const std::function<Records(const BatchJob&, const BackendInfo&)>& make_records);

}  // namespace medgen::cli
