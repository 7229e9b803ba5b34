// The options of `medgen train`, and what it reports. Nothing of libtorch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bundle/config.h"
#include "corpus/canaries.h"
#include "corpus/documents.h"
#include "medgen/model_config.h"
#include "train/schedule.h"

namespace medgen::train {

struct TrainOptions {
  std::vector<std::filesystem::path> data;         // text files or shard folders, at least one
  std::vector<corpus::SourceWeight> weights;       // by source or by file; 1 by default
  std::vector<std::filesystem::path> anneal_data;  // used while the rate falls; may be empty
  std::vector<corpus::SourceWeight> anneal_weights;
  std::filesystem::path valid;      // held-out file or shard folder; empty: the valid split of
                                    // `data` where these are shards, else none
  std::filesystem::path tokenizer;  // a folder or file that load_tokenizer() opens; empty: that of
                                    // `from` or of the shards
  std::filesystem::path from;       // a bundle whose parameters training begins with; or empty
  std::vector<std::filesystem::path> average_with;  // bundles like `from`: training begins with
                                                    // the mean of all their parameters
  std::vector<std::filesystem::path> distil_from;   // bundles whose mean probabilities are learnt
  double distil_weight = 0.5;         // share of these in the target; the rest is the text itself
  std::filesystem::path config;       // a config.json in place of the n_ fields; or empty
  std::filesystem::path work_dir;     // checkpoint, metrics, record; created if missing
  std::filesystem::path output;       // the bundle to write at the end; must not exist
  std::filesystem::path model_card;   // copied into the bundle; may be empty
  std::filesystem::path templates;    // becomes its templates.json; empty: that of `from`, if any
  std::string name = "medgen-model";  // the bundle's name
  bundle::StorageType storage = bundle::StorageType::kFloat16;

  int n_layer = 6;
  int n_head = 4;
  int n_embd = 256;
  int n_positions = 0;              // context; 0: that of `from` or of `config`, else 256
  int window = 0;                   // tokens of a training window; 0: the whole context
  std::vector<std::string> freeze;  // "embeddings", "3", "0-3": parameters left as they are

  std::int64_t tokens = 10'000'000;  // length of the run
  int batch_windows = 16;            // windows a step
  int micro_batch_windows = 16;      // windows computed at once; divides batch_windows
  std::string optimizer =
      "muon";  // "muon": the blocks' matrices by Muon, the rest by AdamW; or "adamw"
  double learning_rate = 0.002;  // AdamW's
  double muon_learning_rate = 0.02;
  double weight_decay = 0.01;                // decoupled, on matrices only
  std::string schedule = "constant-linear";  // or "cosine"
  double warmup_tokens = 400'000;            // rate rises linearly over these
  double constant_fraction = 0.3;  // of the run at the full rate, then a linear fall to zero
  double dropout = 0;              // of the embedded input and of what each block adds
  double max_gradient_norm = 1.0;
  std::uint64_t seed = 1;
  std::int64_t early_stop_patience = 0;  // measurements without a better one; 0: never

  // Documents of their own among those of `data`, each as often in an epoch as it says.
  std::vector<corpus::Canary> canaries = {};
  // They were made for this run, so they are written to work_dir/canaries.jsonl.
  bool keep_canaries = false;

  // A checkpoint of other data is an error unless this is set: then parameters and optimizer stay
  // and the new data start from the beginning.
  bool continue_on_other_data = false;

  // What `look` does about identifiers of patients, for the record; "off" without one.
  std::string identifiers = "off";
  // Sees every document of a text file first; see corpus::ReadOptions.
  std::function<void(const std::filesystem::path&, std::uint64_t, corpus::Document&)> look = {};

  int threads = 0;                 // 0: the cores this process may use
  std::string device = "cpu";      // or "cuda"
  std::string precision = "auto";  // "fp32", "bf16" for products of matrices, or "auto": bf16 where
                                   // the processor or GPU computes with it

  std::int64_t log_every_steps = 20;
  std::int64_t valid_every_steps = 250;
  std::int64_t valid_windows =
      96;  // of the held-out text, spread over it; the last measure takes all
  std::int64_t checkpoint_every_steps = 100;
};

// Throws Error(kUsage) with the value, the range and the remedy.
void validate(const TrainOptions& options);

Schedule schedule_of(const TrainOptions& options, int window);

struct TrainProgress {
  std::int64_t step = 0;
  std::int64_t steps = 0;
  double loss = 0;  // mean NLL per token, nats, over the steps since the last report
  double learning_rate_factor = 0;
  double gradient_norm = 0;  // before clipping, of the last step
  double tokens_per_second = 0;
  double seconds_left = 0;
  double epochs = 0;
  bool anneal = false;  // the last step was on the anneal data
};

struct ValidationResult {
  std::int64_t step = 0;
  double loss = 0;           // mean NLL per token, nats
  double bits_per_byte = 0;  // total NLL, EOS tokens included, over the text's bytes
  bool whole = false;        // all of the held-out text, not a sample
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_start(std::int64_t parameters, std::int64_t steps, std::int64_t first_step) = 0;
  virtual void on_note(const std::string& note) = 0;  // for the user; contains no text of the data
  virtual void on_progress(const TrainProgress& progress) = 0;
  virtual void on_validation(const ValidationResult& result) = 0;
  virtual void on_checkpoint(std::int64_t step, const std::filesystem::path& path) = 0;
  virtual bool interrupted() = 0;  // checked between steps; true writes a checkpoint and returns
};

}  // namespace medgen::train
