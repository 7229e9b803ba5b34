// The gradients of a training step, against finite differences and against libtorch's own
// derivatives of the exported model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/random.h"
#include "bundle/activation.h"
#include "bundle/config.h"
#include "needs_torch.h"
#include "wiring/torch_module.h"

namespace medgen {
namespace {

using Parameters = std::map<std::string, std::vector<float>>;

ModelConfig tiny_config(const std::string& activation = "gelu_new") {
  ModelConfig config;
  config.vocab_size = 61;
  config.n_positions = 80;  // more than one block of queries
  config.n_embd = 20;
  config.n_layer = 2;
  config.n_head = 4;
  config.n_inner = 36;
  config.activation_function = activation;
  return config;
}

double between(double low, double high, std::uint64_t stream, std::uint32_t i) {
  return low + (high - low) * base::uniform({.seed = 5, .request = stream, .sample = 0}, i);
}

Parameters random_parameters(const ModelConfig& config, std::uint64_t stream = 0) {
  Parameters parameters;
  for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
    std::size_t count = 1;
    for (const std::int64_t size : spec.shape) count *= static_cast<std::size_t>(size);
    std::vector<float>& values = parameters[spec.name];
    const bool gain = spec.name.find("ln_") != std::string::npos && spec.name.ends_with(".weight");
    ++stream;
    for (std::uint32_t i = 0; i < count; ++i) {
      values.push_back(static_cast<float>(between(-0.4, 0.4, stream, i) + (gain ? 1 : 0)));
    }
  }
  return parameters;
}

std::vector<std::vector<TokenId>> random_windows(const ModelConfig& config, int count, int length) {
  std::vector<std::vector<TokenId>> windows(static_cast<std::size_t>(count));
  std::uint32_t i = 0;
  for (auto& window : windows) {
    for (int k = 0; k < length; ++k) {
      window.push_back(static_cast<TokenId>(between(0, config.vocab_size, 1000, i++)));
    }
  }
  return windows;
}

bundle::TensorReader reader_of(const Parameters& parameters) {
  return [&](const std::string& name, const std::vector<std::int64_t>&) {
    return parameters.at(name);
  };
}

train::LossAndGradients compute(const ModelConfig& config, const Parameters& parameters,
                                const train::GradientOptions& options, int windows = 3) {
  return wiring::torch_room().loss_and_gradients(
      config, reader_of(parameters), random_windows(config, windows, config.n_positions + 1),
      options);
}

// The largest |a - b| of a tensor over the largest |b|; the worst of all tensors.
double difference(const Parameters& a, const Parameters& b) {
  double worst = 0;
  for (const auto& [name, values] : b) {
    double size = 0;
    double apart = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      size = std::max(size, std::fabs(static_cast<double>(values[i])));
      apart = std::max(apart, std::fabs(static_cast<double>(values[i]) - a.at(name)[i]));
    }
    worst = std::max(worst, apart / size);
  }
  return worst;
}

class TrainGradientsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TrainGradientsTest, AreThoseOfTheExportedModel) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = tiny_config(GetParam());
  const Parameters parameters = random_parameters(config);
  const train::LossAndGradients plain = compute(config, parameters, {.plain = true});
  for (const int threads : {1, 2, 4}) {
    const train::LossAndGradients own = compute(config, parameters, {.threads = threads});
    EXPECT_NEAR(own.loss, plain.loss, 1e-5);
    EXPECT_LT(difference(own.gradients, plain.gradients), 1e-4) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, TrainGradientsTest,
                         ::testing::ValuesIn(bundle::known_activations()),
                         [](const auto& instance) { return instance.param; });

TEST(TrainGradientsTest, OfModelsWithOtherSettingsToo) {
  MEDGEN_NEEDS_TORCH();
  ModelConfig config = tiny_config();
  config.tie_word_embeddings = false;
  config.scale_attn_by_inverse_layer_idx = true;
  const Parameters parameters = random_parameters(config);
  EXPECT_LT(difference(compute(config, parameters, {}).gradients,
                       compute(config, parameters, {.plain = true}).gradients),
            1e-4);
}

TEST(TrainGradientsTest, WithTeachersAreThoseOfTheCrossEntropyToTheirMean) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = tiny_config();
  const Parameters parameters = random_parameters(config);
  const Parameters first = random_parameters(config, 100);
  const Parameters second = random_parameters(config, 200);
  train::GradientOptions options;
  options.teachers = {reader_of(first), reader_of(second)};
  options.distil_weight = 0.7;
  train::GradientOptions plain = options;
  plain.plain = true;
  const train::LossAndGradients expected = compute(config, parameters, plain);
  for (const int threads : {1, 2}) {
    options.threads = threads;
    const train::LossAndGradients own = compute(config, parameters, options);
    EXPECT_NEAR(own.loss, expected.loss, 1e-5);  // still of the text
    EXPECT_LT(difference(own.gradients, expected.gradients), 1e-4);
  }
  // Companions: a different weight and one teacher fewer are detected.
  options.distil_weight = 0.6;
  EXPECT_GT(difference(compute(config, parameters, options).gradients, expected.gradients), 1e-3);
  options.distil_weight = 0.7;
  options.teachers.pop_back();
  EXPECT_GT(difference(compute(config, parameters, options).gradients, expected.gradients), 1e-3);
}

// Companion: what is compared is sensitive to a single value.
TEST(TrainGradientsTest, ComparisonSeesAChangedParameter) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = tiny_config();
  Parameters parameters = random_parameters(config);
  const Parameters before = compute(config, parameters, {.plain = true}).gradients;
  parameters.at("transformer.h.1.attn.c_attn.weight")[7] += 0.3F;
  EXPECT_GT(difference(compute(config, parameters, {}).gradients, before), 1e-3);
}

// Along a direction d in which only `name` moves, loss(p + h d) - loss(p - h d) = 2 h (g . d).
void expect_finite_differences(const ModelConfig& config, const train::GradientOptions& options,
                               const std::function<float(std::uint32_t)>& direction_scale,
                               bool agree) {
  const Parameters parameters = random_parameters(config);
  const train::LossAndGradients at = compute(config, parameters, options);
  int tried = 0;
  for (const auto& [name, values] : parameters) {
    double slope = 0;
    std::vector<float> direction;
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      direction.push_back(at.gradients.at(name)[i] >= 0 ? 1.0F : -1.0F);  // all add up
      slope += at.gradients.at(name)[i] * direction.back() * direction_scale(i);
    }
    const double step = 4e-3 / std::max(1.0, std::fabs(slope));
    // clang 14 captures no structured binding by itself.
    const auto loss_at = [&, &moving = name](double way) {
      Parameters moved = parameters;
      for (std::size_t i = 0; i < direction.size(); ++i) {
        moved.at(moving)[i] += static_cast<float>(way * step) * direction[i];
      }
      return compute(config, moved, options).loss;
    };
    const double found = (loss_at(1) - loss_at(-1)) / (2 * step);
    if (agree) {
      EXPECT_NEAR(found, slope, 0.02 * std::fabs(found) + 2e-4) << name;
    } else {
      EXPECT_GT(std::fabs(found - slope), 0.05 * std::fabs(found)) << name;
    }
    ++tried;
  }
  EXPECT_EQ(tried, 28);
}

TEST(TrainGradientsTest, AgreeWithFiniteDifferences) {
  MEDGEN_NEEDS_TORCH();
  expect_finite_differences(
      tiny_config(), {}, [](std::uint32_t) { return 1.0F; }, true);
}

TEST(TrainGradientsTest, AgreeWithFiniteDifferencesUnderDropout) {
  MEDGEN_NEEDS_TORCH();
  expect_finite_differences(
      tiny_config(), {.dropout = 0.3}, [](std::uint32_t) { return 1.0F; }, true);
}

// Companion: gradients that are 10 % too small are detected in every tensor.
TEST(TrainGradientsTest, FiniteDifferencesSeeWrongGradients) {
  MEDGEN_NEEDS_TORCH();
  expect_finite_differences(
      tiny_config(), {}, [](std::uint32_t) { return 0.9F; }, false);
}

TEST(TrainGradientsTest, InBfloat16AreCloseAndNotTheSame) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = tiny_config();
  const Parameters parameters = random_parameters(config);
  const train::LossAndGradients single = compute(config, parameters, {});
  const train::LossAndGradients half = compute(config, parameters, {.bf16 = true});
  EXPECT_NEAR(half.loss, single.loss, 0.02);
  const double apart = difference(half.gradients, single.gradients);
  EXPECT_GT(apart, 1e-4);
  EXPECT_LT(apart, 0.15);
}

}  // namespace
}  // namespace medgen
