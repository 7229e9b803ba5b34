// Settings of libtorch that hold for the whole process.
#include "torchscript/runtime.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sched.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/profiling_graph_executor_impl.h>
#include <torch/torch.h>

#include <limits>

#include "base/refuse.h"
#include "medgen/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// From the libraries that libtorch comes with.
extern "C" void openblas_set_num_threads(int) __attribute__((weak));
extern "C" void omp_set_num_threads(int) __attribute__((weak));

namespace medgen::torchscript {

int prepare_runtime(int threads) {
  if (threads == 0) {
    cpu_set_t allowed;
    threads = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  }
  at::set_num_threads(threads);
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(threads);
  torch::jit::getExecutorMode() = false;
  torch::jit::setGraphExecutorOptimize(false);
  return threads;
}

int prepare_training_runtime(int threads) {
  threads = prepare_runtime(threads);
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
  mallopt(M_ARENA_MAX, 1);  // arenas of threads cannot hold large blocks
  mallopt(M_MMAP_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  return threads;
}

void use_one_thread_here() {
  at::get_num_threads();  // its first call in a thread would undo the next line
  if (omp_set_num_threads != nullptr) omp_set_num_threads(1);
}

void require_device(const std::string& device) {
  if (device == "cpu") return;
  if (device != "cuda") base::refuse_value("device", "something else", "cpu or cuda");
  if (!torch::cuda::is_available()) {
    throw Error(ErrorCode::kUsage, "device cuda is not available: this libtorch (" TORCH_VERSION
                                   ") was built without it, or there is no GPU. Use `device` cpu.");
  }
}

bool has_bf16_instructions() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__builtin_cpu_supports("avx512f") == 0) return false;  // also checks the system
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1U << 5U)) != 0) return true;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & (1U << 22U)) != 0;  // AMX-BF16
#else
  return false;
#endif
}

std::string reason_of(const std::exception& error) {
  const std::string message = error.what();
  if (message.find("INTERNAL ASSERT") != std::string::npos) return "a check of its own failed";
  // In a TorchScript failure, the reason comes last.
  const std::string mark = "\nRuntimeError: ";
  const std::size_t reason = message.rfind(mark);
  const std::size_t begin =
      reason == std::string::npos ? message.find_first_not_of(" \n") : reason + mark.size();
  return begin == std::string::npos ? "" : message.substr(begin, message.find('\n', begin) - begin);
}

}  // namespace medgen::torchscript
