// A training run's folder: checkpoint.pt and best.pt (written aside and renamed), metrics.jsonl
// with its picture loss.svg, training.json, and a lock so that two runs cannot share it.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "train/checkpoint_file.h"
#include "train/train_options.h"

namespace medgen::train {

struct Checkpoint : RunState {
  std::unordered_map<std::string, at::Tensor> tensors;

  // Throws Error(kUsage) if it is missing or of another shape: the run was started with other
  // settings.
  at::Tensor tensor(const std::string& name, at::IntArrayRef shape) const;
};

class WorkFolder {
 public:
  // Creates and locks the folder. Throws Error(kUsage) if another run holds it.
  explicit WorkFolder(const std::filesystem::path& path);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  static constexpr const char* kCheckpoint = "checkpoint.pt";
  static constexpr const char* kBest = "best.pt";  // parameters only, for early stopping

  // `name` is one of the two. A save that fails leaves the file as it was.
  std::optional<Checkpoint> load(const char* name) const;
  std::filesystem::path save(const Checkpoint& checkpoint, const char* name) const;

  void write_record(const std::string& training_json) const;
  void log(const TrainProgress& progress) const;
  void log(const ValidationResult& result) const;
  void log_change(std::int64_t after_step, const std::string& change) const;
  // Lines that a killed run logged after its last checkpoint will be logged again.
  void forget_metrics_after(std::int64_t step) const;
  void draw() const;  // loss.svg of metrics.jsonl

 private:
  void remove_half_written() const;
  void append_metrics(const std::string& line) const;
  std::vector<std::string> metrics_lines() const;

  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace medgen::train
