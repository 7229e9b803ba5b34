// See the header. Best of several passes: other load on the machine can only make a pass slower.
#include "native/machine_rates.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace medgen::native {
namespace {

using Clock = std::chrono::steady_clock;

template <typename Pass>
double best_seconds(int passes, const Pass& pass) {
  double best = 1e30;
  for (int i = 0; i < passes; ++i) {
    const auto start = Clock::now();
    pass();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

// Multiply-adds a second of products that stay in the cache of one core each.
double rate(const kernels::Kernels& kernels, kernels::WeightType type, base::ThreadPool& pool) {
  constexpr int kRows = 48;
  constexpr int kWidth = 512;
  constexpr std::size_t kCells = static_cast<std::size_t>(kWidth) * kWidth;
  constexpr int kRepeats = 8;
  const std::vector<float> weights(kCells);
  const std::vector<float> inputs(static_cast<std::size_t>(kRows) * kWidth);
  const std::vector<float> scales(kWidth);
  const std::vector<std::int32_t> sums(kWidth);
  std::vector<float> outputs(static_cast<std::size_t>(kRows) * kWidth *
                             static_cast<std::size_t>(pool.size()));
  kernels::MatMul job;
  job.weights = weights.data();
  job.type = type;
  job.k = kWidth;
  job.n = kWidth;
  job.column_scale = scales.data();
  job.column_sum = sums.data();
  job.rows = kRows;
  job.x = inputs.data();
  job.format = kernels.activation_format(kRows, false);
  job.row_scale = scales.data();
  job.y_stride = kWidth;
  job.panel_end = kWidth / kernels::kPanel;
  const double seconds = best_seconds(20, [&] {
    pool.run(pool.size(), [&](int thread) {
      kernels::MatMul part = job;
      part.y = outputs.data() + static_cast<std::size_t>(thread) * kRows * kWidth;
      for (int i = 0; i < kRepeats; ++i) kernels.matmul(part);
    });
  });
  return static_cast<double>(kRows) * kCells * kRepeats * pool.size() / seconds;
}

}  // namespace

double read_bandwidth(base::ThreadPool& pool, std::size_t bytes) {
  const std::vector<std::uint64_t> memory(bytes / 8, 1);
  const std::size_t pieces = 64;
  const std::size_t each = memory.size() / pieces;
  std::atomic<std::uint64_t> total{0};
  const double seconds = best_seconds(8, [&] {
    pool.run(static_cast<int>(pieces), [&](int piece) {
      const std::uint64_t* p = memory.data() + static_cast<std::size_t>(piece) * each;
      std::uint64_t sums[8] = {};
      for (std::size_t i = 0; i + 8 <= each; i += 8) {
        for (std::size_t j = 0; j < 8; ++j) sums[j] += p[i + j];
      }
      std::uint64_t sum = 0;
      for (const std::uint64_t s : sums) sum += s;
      total.fetch_add(sum, std::memory_order_relaxed);  // so that the reads are not thrown away
    });
  });
  return static_cast<double>(each * pieces * 8) / seconds;
}

std::vector<MultiplyRate> multiply_rates(base::ThreadPool& pool) {
  std::vector<MultiplyRate> rates;
  const kernels::KernelList all = kernels::all_kernels();
  for (int i = 0; i < all.count; ++i) {
    const kernels::Kernels& table = *all.tables[i];
    if (&table == kernels::kScalarKernels || !kernels::can_run(table)) continue;
    rates.push_back({table.name, rate(table, kernels::WeightType::kFloat32, pool),
                     rate(table, kernels::WeightType::kInt8, pool)});
  }
  return rates;
}

}  // namespace medgen::native
