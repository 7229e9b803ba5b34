// Settings of libtorch that hold for the whole process.
#include "torch/runtime.h"

#include <ATen/Parallel.h>
#include <sched.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/profiling_graph_executor_impl.h>

extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace medgen {

void prepare_runtime(int threads) {
  if (threads == 0) {
    cpu_set_t allowed;
    threads = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  }
  at::set_num_threads(threads);
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(threads);
  torch::jit::getExecutorMode() = false;
  torch::jit::setGraphExecutorOptimize(false);
}

}  // namespace medgen
