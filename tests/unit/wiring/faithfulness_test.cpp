// In which precision a model is run that nobody gave one.
#include "wiring/faithfulness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "medgen/bundle.h"
#include "native/packed_file.h"
#include "native/packer.h"
#include "unit/jobs/tiny_checkpoint.h"

namespace medgen::wiring {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FaithfulnessTest : public jobs::TinyCheckpoint {
 protected:
  // A model of random weights of this width, in which the precisions are nearly equal.
  ModelSource model(int width) {
    config_["n_embd"] = width;
    config_["n_inner"] = width;
    tensors_.clear();
    ModelConfig config = bundle::parse_config(config_.dump(), "config.json");
    for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
      if (spec.name != "lm_head.weight") tensors_.push_back(make(spec));
    }
    for (bundle_test::StoredTensor& tensor : tensors_) {
      std::vector<float> values(tensor.bytes.size() / sizeof(float));
      for (float& value : values) value = static_cast<float>(++counter_ % 17 - 8) * 0.01F;
      tensor.bytes = bundle_test::float_bytes(values);
    }
    jobs::convert_checkpoint_for_itself(write(), folder_ / "model", options_);
    const Bundle bundle = Bundle::open_without_model(folder_ / "model");
    ModelSource source;
    source.model_pt = bundle.model_pt();
    source.folder = bundle.directory();
    source.sha256 = bundle.sha256();
    source.config = bundle.config();
    source.tokenizer = bundle.shared_tokenizer();
    return source;
  }

  PrecisionReport measured(int width) { return measure_precisions(model(width)); }

  // Of the checks against the definition.
  static std::vector<std::string> broken(const ModelSource& source) {
    std::vector<std::string> all;
    for (const Check& check : verify_model(source, {}, Reference::kDefinition)) {
      if (!check.holds()) all.push_back(check.what);
    }
    return all;
  }

  static std::vector<std::string> names(const PrecisionReport& report) {
    std::vector<std::string> all;
    for (const auto& [name, perplexity] : report.perplexity) all.push_back(name);
    return all;
  }
};

TEST_F(FaithfulnessTest, ASmallModelIsRunAsItIs) {
  const PrecisionReport report = measured(32);
  EXPECT_THAT(names(report), ElementsAre("fp32"));
  EXPECT_EQ(report.auto_precision, "fp32");
}

TEST_F(FaithfulnessTest, OfALargerOneThePrecisionsAreCompared) {
  const PrecisionReport report = measured(512);
  EXPECT_THAT(names(report), ElementsAre("fp32", "bf16", "int8"));
  EXPECT_EQ(report.auto_precision, "int8");
}

TEST_F(FaithfulnessTest, WithoutLibtorchTheDefinitionIsTheReference) {
  const ModelSource source = model(32);
  EXPECT_THAT(broken(source), IsEmpty());
  bool named = false;
  for (const Check& check : verify_model(source, {}, Reference::kDefinition)) {
    EXPECT_THAT(check.what, Not(HasSubstr("TorchScript")));
    named = named || check.what == "fp32 against the scalar definition: logits that differ";
  }
  EXPECT_TRUE(named);
}

// Companion: kept weights that are sealed and wrong are not what the definition is computed from.
TEST_F(FaithfulnessTest, TheDefinitionIsPackedAnewFromTheModel) {
  const ModelSource source = model(32);
  const auto parameters = bundle::Gpt2Parameters::open(source.model_pt, source.config);
  const auto wrong = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    std::vector<float> values = parameters.read(name, shape);
    if (name == "transformer.h.0.mlp.c_fc.weight") values[100] += 0.3F;
    return values;
  };
  base::ThreadPool pool(1);
  std::string why;
  const native::PackedKey key = packed_key(source, native::Precision::kFloat32);
  native::PackedWeights::build(
      native::packed_path(source.folder, key.precision), key,
      [&](std::byte* block, const auto&) {
        native::pack(key.config, key.precision, wrong, {}, native::choose_kernels(), pool, block,
                     {});
      },
      why);
  ASSERT_EQ(why, "");
  EXPECT_THAT(broken(source), Contains("fp32 against the scalar definition: logits that differ"));
}

}  // namespace
}  // namespace medgen::wiring
