// What this machine can do at most: reading memory, and multiplying in each instruction set. The
// yardstick for a benchmark; no decision depends on it.
#pragma once

#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace medgen::native {

// Bytes a second at which the pool's threads read `bytes` of memory, the best of several passes.
double read_bandwidth(base::ThreadPool& pool, std::size_t bytes);

struct MultiplyRate {
  std::string isa;
  double fp32 = 0;  // multiply-adds a second, of all threads together
  double int8 = 0;
};

// Of every instruction set that this processor runs except scalar, with operands in the cache.
std::vector<MultiplyRate> multiply_rates(base::ThreadPool& pool);

}  // namespace medgen::native
