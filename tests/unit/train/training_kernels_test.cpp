// The loops of training give the same bits on every instruction set.
#include "train/training_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace medgen::train {
namespace {

// Values in [-4, 4), different for each seed.
std::vector<float> values(std::size_t n, std::uint32_t seed) {
  std::vector<float> all(n);
  for (float& value : all) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8U) * (8.0F / (1U << 24U)) - 4.0F;
  }
  return all;
}

// Everything that the loops compute from some inputs of `n` columns.
std::vector<float> results(const TrainingLoops& loops, int n) {
  constexpr int kRows = 3;
  const std::size_t cells = static_cast<std::size_t>(kRows) * static_cast<std::size_t>(n);
  const std::vector<float> a = values(cells, 1);
  const std::vector<float> b = values(cells, 2);
  const std::int64_t count = static_cast<std::int64_t>(cells);
  std::vector<float> all;
  const auto keep = [&](const std::vector<float>& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
  std::vector<float> x = a, sums(kRows), y(cells);
  loops.causal_softmax(x.data(), kRows, n, n - kRows + 1, sums.data());
  keep(x);
  keep(sums);
  std::vector<float> again = a;
  loops.causal_softmax_again(again.data(), kRows, n, n - kRows + 1, sums.data());
  keep(again);
  loops.row_dots(a.data(), b.data(), kRows, n, n, sums.data());
  keep(sums);
  std::vector<float> gradient = b;
  loops.softmax_gradient(x.data(), gradient.data(), kRows, n, sums.data(), 0.3F);
  keep(gradient);
  const std::vector<std::int64_t> targets = {0, n / 2, n - 1};
  for (const bool with_gradient : {false, true}) {
    std::vector<float> scores = a;
    all.push_back(static_cast<float>(
        loops.softmax_loss(scores.data(), kRows, n, targets.data(), 0.1F, with_gradient)));
    keep(scores);
  }
  loops.gelu(a.data(), y.data(), count);
  keep(y);
  loops.gelu_gradient(a.data(), b.data(), y.data(), count);
  keep(y);
  loops.dropout(a.data(), y.data(), count, 0.4, 77, 5);
  keep(y);
  return all;
}

TEST(TrainingKernelsTest, AllInstructionSetsGiveTheSameBits) {
  ASSERT_EQ(all_training_loops().front()->name, "scalar");
  for (const int n : {3, 7, 8, 9, 64, 1001}) {
    const std::vector<float> plain = results(*all_training_loops().front(), n);
    for (const TrainingLoops* loops : all_training_loops()) {
      EXPECT_EQ(results(*loops, n), plain) << loops->name << ", " << n << " columns";
    }
  }
}

// The companion: what is compared would show a change in the last bit.
TEST(TrainingKernelsTest, AChangedInputChangesTheBits) {
  TrainingLoops changed = *all_training_loops().front();
  changed.gelu = [](const float* x, float* y, std::int64_t n) {
    gelu(x, y, n);
    y[n - 1] = std::nextafter(y[n - 1], 9.0F);
  };
  EXPECT_NE(results(changed, 9), results(*all_training_loops().front(), 9));
}

TEST(TrainingKernelsTest, AKeptRowIsASoftmax) {
  std::vector<float> scores = {0, std::log(3.0F), 9};
  float log_sum = 0;
  causal_softmax(scores.data(), 1, 3, 2, &log_sum);
  EXPECT_NEAR(scores[0], 0.25F, 1e-6F);
  EXPECT_NEAR(scores[1], 0.75F, 1e-6F);
  EXPECT_EQ(scores[2], 0);
  EXPECT_NEAR(log_sum, std::log(4.0F), 1e-6F);
}

}  // namespace
}  // namespace medgen::train
