// One step's loss and gradients.
#include "train/training_step.h"

#include <atomic>
#include <exception>
#include <thread>

#include "torchscript/runtime.h"

namespace medgen::train {

void for_each_worker(int count, const std::function<void(int)>& body) {
  if (count == 1) return body(0);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(count));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        try {
          torchscript::use_one_thread_here();
          body(i);
        } catch (...) {
          failures[static_cast<std::size_t>(i)] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

TrainingStep::TrainingStep(const ModelConfig& config, const std::vector<NamedParameter>& parameters,
                           int threads)
    : parameters_(parameters), device_(parameters.front().tensor.device()) {
  for (int i = 0; i < threads; ++i) {
    std::vector<NamedParameter> leaves;
    for (const NamedParameter& parameter : parameters) {
      leaves.push_back({parameter.name, parameter.tensor.detach().set_requires_grad(
                                            parameter.tensor.requires_grad())});
    }
    TrainingModel model(config, leaves);
    workers_.push_back({std::move(leaves), std::move(model)});
  }
}

double TrainingStep::gradients(const at::Tensor& batch, const StepOptions& options) {
  const auto count = static_cast<std::int64_t>(workers_.size());
  const std::int64_t windows = batch.size(0);
  std::vector<double> losses(workers_.size(), 0);
  for (Worker& worker : workers_) {
    for (NamedParameter& leaf : worker.leaves) leaf.tensor.mutable_grad() = at::Tensor();
  }
  for_each_worker(static_cast<int>(count), [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    losses[at] =
        run_part(workers_[at], batch, windows * i / count, windows * (i + 1) / count, options);
  });
  const torch::NoGradGuard no_grad;
  double loss = 0;
  for (const double part : losses) loss += part;
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    at::Tensor sum;
    for (const Worker& worker : workers_) {  // in a fixed order: sums of floats depend on it
      const at::Tensor& gradient = worker.leaves[p].tensor.grad();
      if (!gradient.defined()) continue;
      sum = sum.defined() ? sum.add_(gradient) : gradient;
    }
    parameters_[p].tensor.mutable_grad() = sum;
  }
  return loss;
}

double TrainingStep::run_part(Worker& worker, const at::Tensor& batch, std::int64_t begin,
                              std::int64_t end, const StepOptions& options) const {
  const auto count = static_cast<std::int64_t>(workers_.size());
  const std::int64_t chunk = std::max<std::int64_t>(1, options.chunk_windows / count);
  const std::int64_t time = batch.size(1) - 1;
  double loss = 0;
  for (std::int64_t at = begin; at < end; at += chunk) {
    const std::int64_t windows = std::min(chunk, end - at);
    const at::Tensor part = batch.narrow(0, at, windows);
    const at::Tensor input = part.narrow(1, 0, time).contiguous().to(device_);
    const at::Tensor targets = part.narrow(1, 1, time).reshape(-1).to(device_);
    ForwardOptions forward = options.forward;
    forward.first_row = at * time;
    const at::Tensor hidden = worker.model.hidden(input, forward);
    const double share = static_cast<double>(windows) / static_cast<double>(batch.size(0));
    at::Tensor gradient;
    const LossOptions learnt = {.scale = share,
                                .bf16 = forward.bf16,
                                .teachers = ask_teachers(input, forward.bf16),
                                .distil_weight = options.distil_weight};
    loss += share * output_loss(hidden, worker.model.output(), targets, learnt, &gradient);
    hidden.backward(gradient);
  }
  return loss;
}

std::vector<TeacherRows> TrainingStep::ask_teachers(const at::Tensor& input, bool bf16) const {
  const torch::NoGradGuard no_grad;
  std::vector<TeacherRows> rows;
  for (const TrainingModel& teacher : teachers_) {
    rows.push_back({teacher.hidden(input, {.bf16 = bf16}), teacher.output()});
  }
  return rows;
}

double TrainingStep::nll(const std::vector<at::Tensor>& windows, bool bf16) const {
  // A CPU's threads take a window each; a GPU takes many of one length at once.
  const std::size_t most = device_.is_cpu() ? 1 : 32;
  std::vector<at::Tensor> batches;
  for (std::size_t i = 0; i < windows.size();) {
    std::size_t end = i + 1;
    while (end < windows.size() && end - i < most && windows[end].sizes() == windows[i].sizes()) {
      ++end;
    }
    const std::vector<at::Tensor> same(windows.begin() + static_cast<std::ptrdiff_t>(i),
                                       windows.begin() + static_cast<std::ptrdiff_t>(end));
    batches.push_back(at::cat(same));
    i = end;
  }
  std::vector<double> sums(batches.size(), 0);
  std::atomic<std::size_t> next = 0;
  for_each_worker(static_cast<int>(workers_.size()), [&](int worker) {
    const torch::NoGradGuard no_grad;
    const TrainingModel& model = workers_[static_cast<std::size_t>(worker)].model;
    for (std::size_t i = next++; i < batches.size(); i = next++) {
      const std::int64_t length = batches[i].size(1) - 1;
      const at::Tensor input = batches[i].narrow(1, 0, length).contiguous().to(device_);
      const at::Tensor targets = batches[i].narrow(1, 1, length).reshape(-1).to(device_);
      const at::Tensor hidden = model.hidden(input, {.bf16 = bf16});
      sums[i] = output_loss(hidden, model.output(), targets, {.bf16 = bf16}, nullptr) *
                static_cast<double>(targets.size(0));
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace medgen::train
