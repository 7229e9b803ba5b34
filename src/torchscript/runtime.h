// Settings of libtorch that hold for the whole process.
#pragma once

#include <exception>
#include <string>

namespace medgen::torchscript {

// Threads for tensor operations (0: the cores this process may use), and the plain interpreter for
// TorchScript: the profiling executor would recompile on new shapes in the middle of a run.
// Returns the number of threads.
int prepare_runtime(int threads);

// The same for training, where each thread computes its own products: the BLAS gets one thread. And
// freed memory is kept for the next step rather than returned to the system and cleared again.
int prepare_training_runtime(int threads);

// libtorch's operations in the calling thread stay single-threaded.
void use_one_thread_here();

// Throws Error(kUsage) unless `device` is "cpu", or "cuda" with a GPU that this libtorch can use.
void require_device(const std::string& device);

// Whether the processor has instructions for multiplying bfloat16 matrices.
bool has_bf16_instructions();

// The core of a libtorch message, without its stack traces: its first line that
// is not empty, or the reason that TorchScript gave.
std::string reason_of(const std::exception& error);

}  // namespace medgen::torchscript
