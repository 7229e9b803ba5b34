// What an observer sees of the native engine: the same as without it, and the same for every
// chunk, thread count and instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "native/native_backend.h"
#include "unit/native/tiny_model.h"

namespace medgen::native {
namespace {

using Floats = std::vector<float>;

constexpr int kTokens = 40;

const TinyModel& tiny() {
  static const TinyModel model;
  return model;
}

std::vector<Row> rows_of(int slot, int first, int end, int shift, bool want_logits = false) {
  std::vector<Row> rows;
  for (int i = first; i < end; ++i) {
    rows.push_back({slot, (i * 31 + 5 + shift) % tiny().config.vocab_size, i, want_logits});
  }
  return rows;
}

// Keeps everything of one sequence.
struct Seen : Observer {
  void on_residual(int part, std::span<const TokenRow> rows, const float* x) override {
    stream.resize(std::max(stream.size(), static_cast<std::size_t>(part) + 1));
    const std::size_t count = rows.size() * static_cast<std::size_t>(tiny().config.n_embd);
    stream[static_cast<std::size_t>(part)].insert(stream[static_cast<std::size_t>(part)].end(), x,
                                                  x + count);
  }
  bool wants_attention(int layer) const override { return layer == wanted; }
  void on_attention(int layer, std::span<const TokenRow> rows, const float* weights,
                    std::size_t stride) override {
    EXPECT_EQ(layer, wanted);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t head = 0; head < 2; ++head) {
        const float* of_head = weights + (i * 2 + head) * stride;
        const auto own = static_cast<std::size_t>(rows[i].position);
        for (std::size_t at = own + 1; at < stride; ++at) EXPECT_EQ(of_head[at], 0);
        attention.emplace_back(of_head, of_head + own + 1);
      }
    }
  }

  std::vector<Floats> stream;  // of each part, [rows, n_embd]
  std::vector<Floats> attention;
  int wanted = 1;
};

Seen observed(NativeBackend& backend, int chunk, int shift = 0) {
  Seen seen;
  const int slot = backend.acquire_slot();
  for (int first = 0; first < kTokens; first += chunk) {
    backend.observe(rows_of(slot, first, std::min(first + chunk, kTokens), shift), seen);
  }
  backend.release_slot(slot);
  return seen;
}

Floats logits_of(NativeBackend& backend) {
  const int slot = backend.acquire_slot();
  const auto logits = backend.step(rows_of(slot, 0, kTokens, 0, true));
  Floats all(logits.begin(), logits.end());
  backend.release_slot(slot);
  return all;
}

bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

class ObserverTest : public ::testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(All, ObserverTest,
                         ::testing::Values(Precision::kFloat32, Precision::kBFloat16,
                                           Precision::kInt8),
                         [](const auto& test) { return std::string(to_string(test.param)); });

TEST_P(ObserverTest, TheLastStreamReadOutIsTheLogitsBitForBit) {
  const auto backend = tiny().backend(GetParam(), choose_kernels(), 2);
  const Floats expected = logits_of(*backend);
  const Seen seen = observed(*backend, kTokens);
  ASSERT_EQ(seen.stream.size(), 7U);  // the embeddings, and two parts of three layers
  const auto logits = backend->read_out(seen.stream.back());
  EXPECT_TRUE(same_bits({logits.begin(), logits.end()}, expected));
  // Companion: an earlier layer says something else.
  const auto earlier = backend->read_out(seen.stream[4]);
  EXPECT_FALSE(same_bits({earlier.begin(), earlier.end()}, expected));
}

TEST_P(ObserverTest, ObservingChangesNoBitOfWhatFollows) {
  const auto backend = tiny().backend(GetParam(), choose_kernels(), 2);
  const Floats expected = logits_of(*backend);
  Seen seen;
  const int slot = backend->acquire_slot();
  backend->observe(rows_of(slot, 0, kTokens - 1, 0), seen);
  const auto logits = backend->step(rows_of(slot, kTokens - 1, kTokens, 0, true));
  EXPECT_TRUE(std::equal(logits.begin(), logits.end(), expected.end() - tiny().config.vocab_size));
}

TEST_P(ObserverTest, WhatIsSeenHasTheSameBitsForChunksThreadsAndInstructionSets) {
  const Seen expected = observed(*tiny().backend(GetParam(), choose_kernels(), 1), kTokens);
  const auto is_same = [&](const Seen& seen) {
    return seen.stream == expected.stream && seen.attention.size() == expected.attention.size() &&
           seen.attention == expected.attention;
  };
  EXPECT_TRUE(is_same(observed(*tiny().backend(GetParam(), choose_kernels(), 3), 7)));
  const kernels::KernelList all = kernels::all_kernels();
  for (int i = 0; i < all.count; ++i) {
    if (!kernels::can_run(*all.tables[i])) continue;
    EXPECT_TRUE(is_same(observed(*tiny().backend(GetParam(), *all.tables[i], 2), kTokens)))
        << all.tables[i]->name;
  }
  EXPECT_FALSE(is_same(observed(*tiny().backend(GetParam(), choose_kernels(), 1), kTokens, 1)));
}

TEST_P(ObserverTest, AttentionAddsUpToOne) {
  const Seen seen = observed(*tiny().backend(GetParam(), choose_kernels(), 2), 9);
  ASSERT_EQ(seen.attention.size(), 2U * kTokens);
  for (const Floats& weights : seen.attention) {
    double sum = 0;
    for (const float weight : weights) {
      EXPECT_GE(weight, 0);
      sum += static_cast<double>(weight);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

// The final norm of `x`, [n_embd], in double.
std::vector<double> final_norm(const PackedModel& model, std::span<const float> x) {
  double mean = 0, variance = 0;
  const auto n = static_cast<double>(x.size());
  for (const float v : x) mean += static_cast<double>(v) / n;
  for (const float v : x) variance += std::pow(static_cast<double>(v) - mean, 2) / n;
  std::vector<double> y;
  for (std::size_t j = 0; j < x.size(); ++j) {
    y.push_back((static_cast<double>(x[j]) - mean) /
                    std::sqrt(variance + model.config.layer_norm_epsilon) *
                    static_cast<double>(model.ln_f.weight[j]) +
                static_cast<double>(model.ln_f.bias[j]));
  }
  return y;
}

// By how much the final norm times head_column() of `token` misses the token's logit, at most.
double column_error(Precision precision, int shift) {
  const auto backend = tiny().backend(precision, choose_kernels(), 1);
  const Seen seen = observed(*backend, kTokens);
  const auto logits = backend->read_out(seen.stream.back());
  const auto width = static_cast<std::size_t>(tiny().config.n_embd);
  const int vocab = tiny().config.vocab_size;
  double worst = 0;
  for (int token = 0; token < vocab; ++token) {
    const auto column = head_column(backend->model(), (token + shift) % vocab);
    const auto x = final_norm(backend->model(), std::span(seen.stream.back()).first(width));
    double sum = 0;
    for (std::size_t j = 0; j < width; ++j) sum += x[j] * static_cast<double>(column[j]);
    worst = std::max(worst,
                     std::fabs(sum - static_cast<double>(logits[static_cast<std::size_t>(token)])));
  }
  return worst;
}

TEST(HeadColumnTest, TimesTheFinalNormIsTheLogit) {
  EXPECT_LT(column_error(Precision::kFloat32, 0), 1e-4);
  EXPECT_LT(column_error(Precision::kBFloat16, 0), 1e-4);
  EXPECT_LT(column_error(Precision::kInt8, 0), 0.1);  // inputs are rounded there
  EXPECT_GT(column_error(Precision::kFloat32, 1), 0.5);
  EXPECT_GT(column_error(Precision::kInt8, 1), 0.5);
}

TEST(TokenEmbeddingTest, IsTheStreamWithoutThePosition) {
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    const auto backend = tiny().backend(precision, choose_kernels(), 1);
    const auto row = token_embedding(backend->model(), 17);
    const auto& table = tiny().parameters.at("transformer.wte.weight");
    for (std::size_t j = 0; j < row.size(); ++j) {
      EXPECT_NEAR(row[j], table[17 * row.size() + j], 1e-3) << to_string(precision);
    }
  }
}

}  // namespace
}  // namespace medgen::native
