// Influence by derivatives: against captum's on the same weights
// (scripts/make_gradient_fixtures.py), and on models whose answer is known by formula.
#include "jobs/gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/random.h"
#include "jobs/convert.h"
#include "jobs/model_files.h"
#include "needs_torch.h"
#include "unit/bundle/support.h"
#include "wiring/torch_module.h"

namespace medgen {
namespace {

using bundle_test::error_of;
using bundle_test::fixture;
using nlohmann::json;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using torchscript::GradientAsked;
using torchscript::GradientInfluence;
using torchscript::GradientMethod;

using Parameters = std::map<std::string, std::vector<float>>;

ModelConfig gradient_config() {
  ModelConfig config;
  config.vocab_size = 31;
  config.n_positions = 12;
  config.n_embd = 8;
  config.n_layer = 2;
  config.n_head = 2;
  config.n_inner = 16;
  config.tie_word_embeddings = false;
  return config;
}

// Random, but for the tensors whose names hold one of `zeroed`.
Parameters made_parameters(const ModelConfig& config, const std::vector<std::string>& zeroed) {
  Parameters parameters;
  std::uint64_t stream = 0;
  for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
    std::size_t count = 1;
    for (const std::int64_t size : spec.shape) count *= static_cast<std::size_t>(size);
    const bool zero = std::any_of(zeroed.begin(), zeroed.end(), [&](const std::string& part) {
      return spec.name.find(part) != std::string::npos;
    });
    const base::RandomKey key{.seed = 5, .request = ++stream, .sample = 0};
    for (std::uint32_t i = 0; i < count; ++i) {
      parameters[spec.name].push_back(zero ? 0.0F
                                           : static_cast<float>(base::uniform(key, i) * 0.8 - 0.4));
    }
  }
  return parameters;
}

GradientInfluence influence_of(const ModelConfig& config, const Parameters& parameters,
                               const GradientAsked& asked) {
  return wiring::torch_room().gradient_influence(
      config, [&](const std::string& name, const auto&) { return parameters.at(name); }, asked);
}

const std::vector<TokenId> kIds = {4, 9, 30, 2, 17, 9};
const std::vector<GradientMethod> kMethods = {GradientMethod::kGradientTimesInput,
                                              GradientMethod::kIntegratedGradients};

double largest_apart(const std::vector<float>& found, std::size_t width, const json& expected) {
  double largest = 0;
  for (std::size_t row = 0; row < expected.size(); ++row) {
    for (std::size_t k = 0; k < width; ++k) {
      largest = std::max(largest, std::fabs(static_cast<double>(found.at(row * width + k)) -
                                            expected[row][k].get<double>()));
    }
  }
  return largest;
}

// The worst distance from captum, over both models and all methods.
double apart_from_captum(double scale) {
  const json all = json::parse(base::read_file(MEDGEN_FIXTURES "/gradients.json", 16U << 20U));
  double worst = 0;
  TemporaryFolder folder;
  for (const json& one : all["models"]) {
    const std::string name = one["checkpoint"];
    jobs::ConvertOptions convert;
    convert.tokenizer = fixture("tokenizer");
    jobs::convert_checkpoint(fixture(name), folder / name, convert);
    const jobs::ModelFiles model = jobs::open_model((folder / name).string(), std::nullopt);
    GradientAsked asked;
    asked.ids = one["ids"].get<std::vector<TokenId>>();
    asked.targets = one["targets"].get<std::vector<std::size_t>>();
    asked.steps = one["steps"];
    const auto compare = [&](const char* member) {
      GradientInfluence found = jobs::gradient_influence(model, asked);
      for (float& value : found.influence) value *= static_cast<float>(scale);
      worst = std::max(worst, largest_apart(found.influence, asked.ids.size(), one[member]));
      for (std::size_t i = 0; i < found.logprobs.size(); ++i) {
        EXPECT_NEAR(found.logprobs[i], one["logprobs"][i].get<double>(), 1e-4);
      }
      for (const double gap : found.gaps) EXPECT_LT(std::fabs(gap), 1e-3);
    };
    asked.method = GradientMethod::kGradientTimesInput;
    compare("gradient_times_input");
    asked.method = GradientMethod::kIntegratedGradients;
    compare("integrated_gradients");
    asked.baseline = one["baseline"].get<TokenId>();
    compare("integrated_gradients_from_token");
  }
  return worst;
}

TEST(GradientsTest, AgreeWithCaptum) {
  MEDGEN_NEEDS_TORCH();
  EXPECT_LT(apart_from_captum(1), 1e-4);
}

TEST(GradientsTest, AreNotCaptumsWhereTheyAreOffByAThousandth) {
  MEDGEN_NEEDS_TORCH();
  EXPECT_GT(apart_from_captum(1.001), 1e-4);
}

// Without what attention and the feed-forward layers add, each token is followed by what it alone
// makes likely.
TEST(GradientsTest, GiveAllInfluenceToTheOneTokenThatTheModelReads) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = gradient_config();
  const Parameters parameters = made_parameters(config, {"c_proj"});
  for (const GradientMethod method : kMethods) {
    GradientAsked asked{.ids = kIds, .targets = {3, 5}, .method = method, .threads = 1};
    const GradientInfluence found = influence_of(config, parameters, asked);
    ASSERT_THAT(found.influence, SizeIs(2 * kIds.size()));
    for (std::size_t row = 0; row < 2; ++row) {
      for (std::size_t k = 0; k < kIds.size(); ++k) {
        const float value = found.influence[row * kIds.size() + k];
        if (k + 1 == asked.targets[row]) {
          EXPECT_GT(std::fabs(value), 1e-3F);
        } else {
          EXPECT_EQ(value, 0);
        }
      }
    }
  }
}

TEST(GradientsTest, GiveNoneWhereTheModelIgnoresWhatItReads) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = gradient_config();
  const Parameters parameters = made_parameters(config, {"ln_f.weight"});
  for (const GradientMethod method : kMethods) {
    const GradientInfluence found = influence_of(
        config, parameters, {.ids = kIds, .targets = {1, 5}, .method = method, .threads = 1});
    EXPECT_THAT(found.influence, Each(0.0F));
  }
}

TEST(GradientsTest, IntegratedGradientsAddUpToTheChangeOfTheLogProbability) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = gradient_config();
  const Parameters parameters = made_parameters(config, {});
  GradientAsked asked{.ids = kIds, .targets = {5}, .steps = 300, .baseline = 0, .threads = 1};
  const GradientInfluence fine = influence_of(config, parameters, asked);
  const double sum = std::accumulate(fine.influence.begin(), fine.influence.end(), 0.0);
  EXPECT_NEAR(sum, fine.logprobs[0] - fine.baseline_logprobs[0], 1e-4);
  EXPECT_NEAR(fine.gaps[0], 0, 1e-4);
  asked.steps = 1;  // far too few, and the gap says so
  const GradientInfluence coarse = influence_of(config, parameters, asked);
  EXPECT_GT(std::fabs(coarse.gaps[0]), 5e-4);
}

TEST(GradientsTest, AskedTogetherTargetsGetWhatEachGetsAlone) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = gradient_config();
  const Parameters parameters = made_parameters(config, {});
  const GradientInfluence both =
      influence_of(config, parameters, {.ids = kIds, .targets = {2, 5}, .threads = 1});
  const GradientInfluence alone =
      influence_of(config, parameters, {.ids = kIds, .targets = {2}, .threads = 1});
  for (std::size_t k = 0; k < kIds.size(); ++k) {
    EXPECT_NEAR(both.influence[k], alone.influence[k], 1e-5);
  }
}

TEST(GradientsTest, WhatIsOutOfRangeIsRefused) {
  MEDGEN_NEEDS_TORCH();
  const ModelConfig config = gradient_config();
  const Parameters parameters = made_parameters(config, {});
  const auto refusal = [&](const GradientAsked& asked) {
    return error_of([&] { influence_of(config, parameters, asked); }, ErrorCode::kUsage);
  };
  EXPECT_THAT(refusal({.ids = {1}, .targets = {1}}), HasSubstr("2 to the context of 12"));
  EXPECT_THAT(refusal({.ids = kIds, .targets = {}}), HasSubstr("at least one place"));
  EXPECT_THAT(refusal({.ids = kIds, .targets = {0}}), HasSubstr("places go from 1 to 5"));
  EXPECT_THAT(refusal({.ids = kIds, .targets = {6}}), HasSubstr("places go from 1 to 5"));
  EXPECT_THAT(refusal({.ids = {1, 31}, .targets = {1}}), HasSubstr("go from 0 to 30"));
  EXPECT_THAT(refusal({.ids = kIds, .targets = {1}, .baseline = -1}), HasSubstr("from 0 to 30"));
  EXPECT_THAT(refusal({.ids = kIds, .targets = {1}, .steps = 0}), HasSubstr("from 1 to 1000"));
}

}  // namespace
}  // namespace medgen
