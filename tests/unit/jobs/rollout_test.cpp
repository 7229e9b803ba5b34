// Attention rollout on attention that can be worked out by hand, and on a model whose heads all
// read one token.
#include "why/rollout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "jobs/lens.h"
#include "medgen/error.h"
#include "unit/native/tiny_model.h"

namespace medgen::why {
namespace {

using Floats = std::vector<float>;

TEST(RolloutTest, AttentionToOneTokenGivesItAllButTheResidual) {
  Rollout rollout(3);
  const Floats to_first = {1, 0, 0, 1, 0, 0, 1, 0, 0};
  for (int layer = 1; layer <= 5; ++layer) {
    rollout.add_layer(to_first);
    EXPECT_EQ(rollout.row(0)[0], 1);
    EXPECT_DOUBLE_EQ(rollout.row(2)[0], 1 - std::pow(0.5, layer));
    EXPECT_DOUBLE_EQ(rollout.row(2)[1], 0);
    EXPECT_DOUBLE_EQ(rollout.row(2)[2], std::pow(0.5, layer));
  }
}

TEST(RolloutTest, IsTheProductOfTheLayers) {
  constexpr std::size_t kTokens = 7;
  std::mt19937 engine(3);
  std::uniform_real_distribution<float> values(0, 1);
  std::vector<double> expected(kTokens * kTokens);
  for (std::size_t i = 0; i < kTokens; ++i) expected[i * kTokens + i] = 1;
  Rollout rollout(kTokens);
  for (int layer = 0; layer < 3; ++layer) {
    Floats attention(kTokens * kTokens);
    for (std::size_t i = 0; i < kTokens; ++i) {
      float sum = 0;
      for (std::size_t j = 0; j <= i; ++j) sum += attention[i * kTokens + j] = values(engine);
      for (std::size_t j = 0; j <= i; ++j) attention[i * kTokens + j] /= sum;
    }
    rollout.add_layer(attention);
    std::vector<double> next(kTokens * kTokens);
    for (std::size_t i = 0; i < kTokens; ++i) {
      for (std::size_t k = 0; k < kTokens; ++k) {
        const double weight =
            0.5 * static_cast<double>(attention[i * kTokens + k]) + (i == k ? 0.5 : 0);
        for (std::size_t j = 0; j < kTokens; ++j) {
          next[i * kTokens + j] += weight * expected[k * kTokens + j];
        }
      }
    }
    expected = next;
  }
  for (std::size_t i = 0; i < kTokens; ++i) {
    const auto row = rollout.row(i);
    EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-6);
    for (std::size_t j = 0; j < kTokens; ++j) {
      EXPECT_NEAR(row[j], expected[i * kTokens + j], 1e-12);
    }
  }
}

TEST(RolloutTest, ATargetIsInfluencedByTheTokensBeforeIt) {
  Rollout rollout(3);
  rollout.add_layer(Floats{1, 0, 0, 0.5F, 0.5F, 0, 0.25F, 0.25F, 0.5F});
  EXPECT_EQ(rollout.influence(std::vector<int>{2, 1}),
            (std::vector<double>{0.25, 0.75, 0, 1, 0, 0}));
}

// Every head of which reads the token kRead: its key alone answers the queries, which are the same
// for all.
constexpr int kRead = 9;
native::TinyModel model_that_reads(bool reads) {
  native::TinyModel model;
  for (auto& [name, values] : model.parameters) {
    const bool is_scale = name.find("ln_") != std::string::npos && name.ends_with("weight");
    std::fill(values.begin(), values.end(), is_scale ? 1.0F : 0.0F);
  }
  const auto width = static_cast<std::size_t>(model.config.n_embd);
  auto& wte = model.parameters.at("transformer.wte.weight");
  for (int id = 0; id < model.config.vocab_size; ++id) {
    // A channel of its own for kRead; the others have theirs in turn.
    const std::size_t channel = id == kRead ? 0 : 1 + static_cast<std::size_t>(id) % (width - 1);
    wte[static_cast<std::size_t>(id) * width + channel] = 1;
  }
  for (int layer = 0; layer < model.config.n_layer && reads; ++layer) {
    const std::string name = "transformer.h." + std::to_string(layer) + ".attn.c_attn.";
    auto& weight = model.parameters.at(name + "weight");  // [n_embd, 3 n_embd]
    auto& bias = model.parameters.at(name + "bias");
    const std::size_t head_size = width / 2;
    for (std::size_t head = 0; head < 2; ++head) {
      bias[head * head_size] = 100;          // the query
      weight[width + head * head_size] = 1;  // the key, of channel 0
    }
  }
  return model;
}

std::vector<double> influence_on_last(bool reads) {
  const native::TinyModel model = model_that_reads(reads);
  const auto backend = model.backend(native::Precision::kFloat32, native::choose_kernels(), 2);
  return jobs::attention_rollout(*backend, {4, 20, kRead, 31, 7, 50}, {5});
}

TEST(RolloutTest, AModelWhoseHeadsReadOneTokenGivesItAllThatIsPassedOn) {
  const std::vector<double> influence = influence_on_last(true);
  ASSERT_EQ(influence.size(), 6U);
  // Three layers: an eighth stays where it was, at the token before the target.
  EXPECT_NEAR(influence[2], 0.875, 1e-6);
  EXPECT_NEAR(influence[4], 0.125, 1e-6);
  EXPECT_NEAR(influence[0] + influence[1] + influence[3], 0, 1e-6);
  EXPECT_EQ(influence[5], 0);
  // Companion: with no key to find, all are read alike.
  EXPECT_LT(influence_on_last(false)[2], 0.4);
}

TEST(RolloutTest, ATextThatIsTooLongIsRefused) {
  const native::TinyModel model;
  const auto backend = model.backend(native::Precision::kFloat32, native::choose_kernels(), 1);
  EXPECT_THROW(jobs::attention_rollout(*backend, std::vector<TokenId>(5000, 1), {1}), Error);
}

}  // namespace
}  // namespace medgen::why
