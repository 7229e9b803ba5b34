// The lens of every small checkpoint against what transformers holds inside it, in double. The
// fixture is made by scripts/make_lens_fixture.py.
#include "jobs/lens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "jobs/convert.h"
#include "unit/bundle/support.h"

namespace medgen::jobs {
namespace {

using bundle_test::error_of;
using bundle_test::fixture;
using nlohmann::json;
using ::testing::HasSubstr;

const json& lens_fixture() {
  static const json all =
      json::parse(base::read_file(std::filesystem::path(MEDGEN_FIXTURES) / "lens.json", 1U << 20U));
  return all;
}

json expected_of(const std::string& checkpoint) {
  for (const json& one : lens_fixture()["checkpoints"]) {
    if (one["checkpoint"] == checkpoint) return one;
  }
  return {};
}

// A small checkpoint, converted, opened in a precision.
class OpenCheckpoint {
 public:
  OpenCheckpoint(const std::string& name, WeightPrecision precision) {
    ConvertOptions options;
    options.tokenizer = fixture("tokenizer");
    convert_checkpoint_for_itself(fixture(name), folder_ / "model", options);
    BackendOptions backend;
    backend.precision = precision;
    backend.threads = 2;
    lens_.emplace(open_model((folder_ / "model").string(), {}), backend, nullptr);
    backend_ = open_backend(lens_->model(), backend);
  }
  Lens& lens() { return *lens_; }
  Backend& backend() { return *backend_; }

 private:
  TemporaryFolder folder_;
  std::optional<Lens> lens_;
  std::unique_ptr<Backend> backend_;
};

LensRequest everything() {
  LensRequest request;
  request.tokens = lens_fixture()["ids"].get<std::vector<TokenId>>();
  request.all_heads = true;
  request.rollout = true;
  return request;
}

class CheckpointLensTest : public ::testing::TestWithParam<const char*> {
 protected:
  void compare(const why::LensResult& lens, const json& expected, double tolerance) {
    ASSERT_EQ(lens.positions.size(), 1U);
    const why::LensPosition& last = lens.positions.front();
    EXPECT_EQ(last.target, expected["target"]);
    ASSERT_EQ(last.layers.size(), expected["lens"].size());
    for (std::size_t layer = 0; layer < last.layers.size(); ++layer) {
      const json& wanted = expected["lens"][layer];
      const why::LayerReading& reading = last.layers[layer];
      const auto near = [&](double value, const char* what) {
        EXPECT_NEAR(value, wanted[what].get<double>(), tolerance) << what << " of " << layer;
      };
      near(reading.entropy, "entropy");
      near(reading.divergence, "divergence");
      near(reading.probability, "probability");
      EXPECT_EQ(reading.rank, wanted["rank"]);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(reading.top[i].id, wanted["top"][i]);
      EXPECT_EQ(reading.agrees, wanted["top"][0] == expected["target"]);
    }
    compare_parts(last.parts, expected, tolerance);
    const auto heads = static_cast<std::size_t>(lens.heads.back().head);
    ASSERT_EQ(lens.heads.size(), heads * expected["attention"].size());
    for (std::size_t i = 0; i < lens.heads.size(); ++i) {
      compare_rows(lens.heads[i].weights, expected["attention"][i / heads][i % heads], tolerance);
    }
    compare_rows(lens.rollout, expected["rollout"], tolerance);
  }

  static void compare_parts(const why::LogitParts& parts, const json& expected, double tolerance) {
    std::vector<why::Contribution> all = {parts.token, parts.position};
    for (std::size_t i = 0; i < parts.attention.size(); ++i) {
      all.push_back(parts.attention[i]);
      all.push_back(parts.mlp[i]);
    }
    const json& wanted = expected["contributions"];
    ASSERT_EQ(all.size(), wanted["logits"].size());
    double sum = parts.bias;
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_NEAR(all[i].logit, wanted["logits"][i].get<double>(), tolerance) << i;
      EXPECT_NEAR(all[i].norm, wanted["norms"][i].get<double>(), tolerance) << i;
      sum += all[i].logit;
    }
    EXPECT_NEAR(parts.bias, wanted["bias"].get<double>(), tolerance);
    EXPECT_NEAR(parts.logit, expected["logit"].get<double>(), tolerance);
    EXPECT_NEAR(sum, parts.logit, 1e-4);
  }

  template <typename Row>
  static void compare_rows(const Row& row, const json& wanted, double tolerance) {
    ASSERT_EQ(row.size(), wanted.size());
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      EXPECT_NEAR(row[i], wanted[i].get<double>(), tolerance);
      sum += static_cast<double>(row[i]);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
};

constexpr const char* kCheckpoints[] = {
    "gelu_new_odd_head", "relu_no_prefix", "gelu_inverse_layer", "quick_gelu_untied",
    "silu_bf16",         "tanh_f16",       "gelu_fast_sharded",  "gelu_pytorch_tanh_upcast",
    "swish_epsilon"};
INSTANTIATE_TEST_SUITE_P(Fixtures, CheckpointLensTest, ::testing::ValuesIn(kCheckpoints),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(CheckpointLensTest, IsWhatTransformersHoldsInside) {
  OpenCheckpoint open(GetParam(), WeightPrecision::kFloat32);
  compare(open.lens().read(everything()), expected_of(GetParam()), 1e-4);
}

// The logits of all positions, [tokens, vocab].
std::vector<float> logits_of(Backend& backend, const std::vector<TokenId>& tokens) {
  std::vector<Row> rows;
  const int slot = backend.acquire_slot();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    rows.push_back({slot, tokens[i], static_cast<int>(i), true});
  }
  const auto logits = backend.step(rows);
  backend.release_slot(slot);
  return {logits.begin(), logits.end()};
}

TEST_P(CheckpointLensTest, TheLastLayerIsTheModelsOwnInEveryPrecision) {
  for (const WeightPrecision precision :
       {WeightPrecision::kFloat32, WeightPrecision::kBFloat16, WeightPrecision::kInt8}) {
    OpenCheckpoint open(GetParam(), precision);
    LensRequest request = everything();
    request.all_positions = true;
    const why::LensResult lens = open.lens().read(request);
    ASSERT_EQ(lens.positions.size(), request.tokens.size());
    const std::vector<float> logits = logits_of(open.backend(), request.tokens);
    const std::size_t vocab = logits.size() / request.tokens.size();
    const auto known = static_cast<std::size_t>(open.lens().model().tokenizer->vocab_size());
    ASSERT_LT(known, vocab);
    for (std::size_t i = 0; i < lens.positions.size(); ++i) {
      // The model has more ids than its tokenizer, which are never said.
      const auto row = std::span(logits).subspan(i * vocab, known);
      const why::LensPosition& position = lens.positions[i];
      const auto target = static_cast<std::size_t>(position.target);
      EXPECT_EQ(*std::max_element(row.begin(), row.end()), row[target]);
      EXPECT_EQ(position.parts.logit, static_cast<double>(row[target]));  // the same bits
      EXPECT_TRUE(position.layers.back().agrees);
      EXPECT_NEAR(position.layers.back().divergence, 0, 1e-12);
      // In int8 the head's own inputs are rounded, which is none of the parts.
      const double bound = precision == WeightPrecision::kInt8 ? 0.1 : 1e-4;
      EXPECT_NEAR(position.parts.rounding, 0, bound) << to_string(precision);
    }
  }
}

TEST(LensTest, SeesAnotherModelsFixture) {
  OpenCheckpoint open("swish_epsilon", WeightPrecision::kFloat32);
  const why::LensResult lens = open.lens().read(everything());
  const json other = expected_of("gelu_fast_sharded");
  EXPECT_GT(
      std::fabs(lens.positions[0].layers[1].entropy - other["lens"][1]["entropy"].get<double>()),
      1e-2);
  EXPECT_GT(std::fabs(lens.positions[0].parts.mlp[0].logit -
                      other["contributions"]["logits"][3].get<double>()),
            1e-2);
  EXPECT_GT(std::fabs(static_cast<double>(lens.heads[0].weights[0]) -
                      other["attention"][0][0][0].get<double>()),
            1e-3);
}

TEST(LensTest, APositionSaysTheSameAloneAndAmongAll) {
  OpenCheckpoint open("gelu_new_odd_head", WeightPrecision::kInt8);
  LensRequest request = everything();
  request.rollout = false;
  const why::LensResult last = open.lens().read(request);
  request.all_positions = true;
  const why::LensResult all = open.lens().read(request);
  EXPECT_EQ(last.positions[0].position, all.positions.back().position);
  EXPECT_EQ(last.positions[0].layers[1].entropy, all.positions.back().layers[1].entropy);
  EXPECT_EQ(last.positions[0].parts.mlp[1].logit, all.positions.back().parts.mlp[1].logit);
  const std::vector<float>& weights = all.heads[3].weights;
  const auto tokens = static_cast<std::ptrdiff_t>(request.tokens.size());
  EXPECT_EQ(last.heads[3].weights, std::vector<float>(weights.end() - tokens, weights.end()));
}

TEST(LensTest, ATokenIsLookedForWithABlankFirst) {
  OpenCheckpoint open("swish_epsilon", WeightPrecision::kFloat32);
  const Tokenizer& tokenizer = *open.lens().model().tokenizer;
  EXPECT_EQ(tokenizer.token_bytes(open.lens().token_of("the")), " the");
  EXPECT_EQ(tokenizer.token_bytes(open.lens().token_of(" the")), " the");
  EXPECT_EQ(tokenizer.token_bytes(open.lens().token_of("ing")), "ing");  // there is no " ing"
  const std::string message =
      error_of([&] { open.lens().token_of("pneumonia"); }, ErrorCode::kUsage);
  EXPECT_THAT(message, HasSubstr("9 bytes"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("pneumonia")));
}

TEST(LensTest, WhatTheModelDoesNotHaveIsRefused) {
  OpenCheckpoint open("swish_epsilon", WeightPrecision::kFloat32);
  const auto refused = [&](const auto& change) {
    LensRequest request = everything();
    change(request);
    return error_of([&] { open.lens().read(request); }, ErrorCode::kUsage);
  };
  EXPECT_THAT(refused([](LensRequest& r) { r.tokens.clear(); }), HasSubstr("empty"));
  EXPECT_THAT(refused([](LensRequest& r) { r.tokens.assign(25, 1); }), HasSubstr("only 24"));
  EXPECT_THAT(refused([](LensRequest& r) { r.tokens[2] = 300; }), HasSubstr("300"));
  EXPECT_THAT(refused([](LensRequest& r) { r.target = -1; }), HasSubstr("-1"));
  for (const HeadName head : {HeadName{0, 1}, HeadName{3, 1}, HeadName{1, 0}, HeadName{1, 3}}) {
    EXPECT_THAT(refused([&](LensRequest& r) { r.heads = {head}; }), HasSubstr("layers 1 to 2"));
  }
  EXPECT_THAT(refused([](LensRequest& r) { r.top = kMaxLensNumbers; }), HasSubstr("`top`"));
}

TEST(LensTest, OnlyTheNativeEngineOnTheCpuShowsWhatIsInside) {
  const auto refused = [](const BackendOptions& options) {
    return error_of([&] { const Lens lens(ModelFiles{}, options, nullptr); }, ErrorCode::kUsage);
  };
  BackendOptions options;
  options.backend = BackendKind::kTorchScript;
  EXPECT_THAT(refused(options), HasSubstr("native engine"));
  options.backend = BackendKind::kAuto;
  options.device = Device::kCuda;
  EXPECT_THAT(refused(options), HasSubstr("cpu"));
}

}  // namespace
}  // namespace medgen::jobs
