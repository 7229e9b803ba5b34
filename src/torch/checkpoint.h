// A training run's folder: checkpoint.pt (written aside and renamed), metrics.jsonl, and a lock so
// that two runs cannot share it.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "corpus/token_stream.h"
#include "torch/train_options.h"

namespace medgen {

struct Checkpoint {
  std::int64_t step = 0;
  TokenStream::Position position;
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

  std::optional<Checkpoint> load() const;
  std::filesystem::path save(const Checkpoint& checkpoint) const;  // returns where
  void log(const TrainProgress& progress) const;
  void log(const ValidationResult& result) const;

 private:
  void append_metrics(const std::string& line) const;

  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace medgen
