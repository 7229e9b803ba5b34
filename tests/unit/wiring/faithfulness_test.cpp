// In which precision a model is run that nobody gave one.
#include "wiring/faithfulness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "medgen/bundle.h"
#include "unit/jobs/tiny_checkpoint.h"

namespace medgen::wiring {
namespace {

using ::testing::ElementsAre;

class FaithfulnessTest : public jobs::TinyCheckpoint {
 protected:
  // A model of random weights of this width, in which the precisions are nearly equal.
  PrecisionReport measured(int width) {
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
    return measure_precisions(source);
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

}  // namespace
}  // namespace medgen::wiring
