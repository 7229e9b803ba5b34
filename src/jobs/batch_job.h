// A batch or a sweep: rows of an input, a model and settings become records in a file, durably. In
// three steps, each a type: what was asked, what that comes to, and what is opened to do it.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "batch/output_file.h"
#include "batch/retry.h"
#include "batch/run.h"
#include "engine/settings.h"
#include "jobs/identifier_watch.h"
#include "jobs/model_files.h"
#include "records/record.h"
#include "records/table.h"

namespace medgen::jobs {

// Options that are in range and go together. Nothing has been read or opened.
struct BatchAsked {
  batch::InputOptions input;
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;
  std::optional<int> slots;  // unset: by the model's size and the free memory
  engine::SettingsJson settings = engine::SettingsJson::object();  // those that were set, by name
  // What every row is run under, from the settings that hold without them; unset for one setting,
  // which rows may change.
  std::function<std::vector<batch::NamedSettings>(const DecodingSettings& plain,
                                                  const Tokenizer& tokenizer)>
      variants;
  // How the messages in records name settings; unset: as the library does.
  std::function<std::string(const std::string& message)> wording;
  // Looks for what may identify a patient; null: nobody does. Must outlive the job.
  RowIdentifiers* identifiers = nullptr;
  bool specials = false;         // read special tokens in prompts as such, where rows do not say
  bool truncate_prompt = false;  // drop the beginning of a prompt that does not fit
  records::Form form = records::Form::kJson;
  bool in_order = true;
  std::filesystem::path output;  // if empty, `descriptor` is written to, and nothing is kept
  int descriptor = -1;
  bool restart = false;                     // what is in the output is overwritten
  bool retry_errors = false;                // only the failed rows of a complete output
  std::optional<std::uint64_t> max_errors;  // more failed rows than these end the job
};

// What is to be done.
enum class BatchLeft {
  kRows,
  kNothing,     // the output is complete
  kTooManyBad,  // more rows are bad than may fail
  kUnknown,     // the survey was interrupted
};

// Where everything is, and what is left. The input was read and the output's lock is held; no
// weights are loaded, and nothing is written. A new output is an empty file meanwhile.
struct BatchResolved {
  BatchAsked asked;
  ModelFiles model;
  batch::RequestMaker maker;                   // for the model as its files describe it
  std::vector<batch::NamedSettings> variants;  // as records give them
  batch::Json settings;                        // as the journal gives them
  std::unique_ptr<batch::OutputFile> file;     // with the journal found; null for a descriptor
  std::optional<batch::Survey> survey;         // of files; standard input is read once
  records::TableColumns columns;               // of an output that is a table
  BatchLeft left = BatchLeft::kRows;

  // The journal of a job that was begun; null if there is none.
  const batch::JournalContent* found() const;
  bool seed_given() const { return asked.settings.contains("seed"); }
  std::uint64_t seed() const { return maker.plain.sampling.seed; }
};

// `stop` ends the reading of the input. Throws Error(kUsage) for settings that are out of range, or
// an output that belongs to another job; Error(kModel).
BatchResolved resolve(BatchAsked asked, const std::atomic<bool>& stop);

// Checks every row, without an output. `on_bad` gets those that would fail, with their line.
batch::Survey check_rows(
    BatchAsked asked, const std::atomic<bool>& stop,
    const std::function<void(const batch::BatchRow&, std::uint64_t line)>& on_bad);

// The back end of a job's model, with the slots that the job wants.
std::unique_ptr<Backend> open_backend(const BatchResolved& job);

// The loaded model and the begun output. The resolved job must outlive it.
struct BatchOpened {
  // Throws Error(kUsage) for an output that is not what its journal says or, for a retry, belongs
  // to another job; Error(kModel); Error(kRuntime).
  explicit BatchOpened(const BatchResolved& job);

  std::unique_ptr<Backend> backend;
  int slots = 0;
  batch::RequestMaker maker;  // for the model as it is
  std::function<std::string(const batch::FinishedRow&)> record;
  std::unique_ptr<batch::OutputFile> retry;  // grows beside the old output; else null
  std::unique_ptr<batch::OldOutput> old;     // what a retry keeps records of; else null
  batch::JournalContent start;               // what is in the output already
  batch::RecordWriter writer;
};

struct BatchSummary {
  batch::Committed state;
  batch::RunResult result;
  std::uint64_t rows_total = 0;  // of the shard; 0 if not known
  double seconds = 0;
  int slots = 0;
  std::string backend, precision;
};

// See batch::run(). `progress` is called on the writing thread.
using OnBatchProgress = std::function<void(const batch::RecordWriter&, std::uint64_t tokens)>;
BatchSummary run(const BatchResolved& job, BatchOpened& opened, const std::atomic<bool>& stop,
                 OnBatchProgress progress);

}  // namespace medgen::jobs
