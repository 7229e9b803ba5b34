// One step's loss and gradients, the batch divided among threads: every thread runs its windows
// forward and backward through the whole model with single-threaded products, which costs less
// waiting than dividing each product.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "train/training_model.h"

namespace medgen::train {

struct StepOptions {
  int chunk_windows = 16;  // computed at once, by all threads together
  ForwardOptions forward;
  double distil_weight = 0;  // as in LossOptions; used if there are teachers
};

class TrainingStep {
 public:
  // The parameters in parameter_specs()'s order; gradients are computed for those that require
  // them. `threads` is 1 on a GPU. The parameters may change between calls, in place.
  TrainingStep(const ModelConfig& config, const std::vector<NamedParameter>& parameters,
               int threads);

  // Models whose probabilities the next steps learn, on the parameters' device.
  void set_teachers(std::vector<TrainingModel> teachers) { teachers_ = std::move(teachers); }

  // batch [windows, window + 1] int64 on the CPU; returns the mean NLL per token in nats and sets
  // the parameters' gradients to those of it.
  double gradients(const at::Tensor& batch, const StepOptions& options);

  // The sum of the NLL of all windows' tokens; each window int64 [1, tokens]. No dropout.
  double nll(const std::vector<at::Tensor>& windows, bool bf16) const;

 private:
  // Tensors that share the parameters' memory but have gradients of their own.
  struct Worker {
    std::vector<NamedParameter> leaves;
    TrainingModel model;
  };
  double run_part(Worker& worker, const at::Tensor& batch, std::int64_t begin, std::int64_t end,
                  const StepOptions& options) const;
  std::vector<TeacherRows> ask_teachers(const at::Tensor& input, bool bf16) const;

  std::vector<NamedParameter> parameters_;
  at::Device device_;
  std::vector<Worker> workers_;
  std::vector<TrainingModel> teachers_;
};

// Runs body(0) .. body(count - 1) concurrently, each on its own thread in which libtorch's
// operations are single-threaded; a single body runs here with all threads. What a body throws is
// rethrown.
void for_each_worker(int count, const std::function<void(int)>& body);

}  // namespace medgen::train
