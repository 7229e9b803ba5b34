// A checkpoint of width 2 that tests change before it is converted, without libtorch.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "bundle/config.h"
#include "bundle/torchscript_weights.h"
#include "jobs/convert.h"
#include "medgen/bundle.h"
#include "unit/bundle/support.h"

namespace medgen::jobs {

class TinyCheckpoint : public ::testing::Test {
 protected:
  TinyCheckpoint() {
    config_ = {{"model_type", "gpt2"}, {"vocab_size", 280}, {"n_positions", 4}, {"n_embd", 2},
               {"n_layer", 1},         {"n_head", 1},       {"n_inner", 3}};
    ModelConfig config = bundle::parse_config(config_.dump(), "config.json");
    config.tie_word_embeddings = false;
    for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
      if (spec.name == "lm_head.weight")
        head_ = make(spec);
      else
        tensors_.push_back(make(spec));
    }
    options_.tokenizer = bundle_test::fixture("tokenizer");
    options_.note = [&](const std::string& text) { notes_ += text + "\n"; };
  }

  bundle_test::StoredTensor make(const bundle::ParameterSpec& spec) {
    std::size_t size = 1;
    for (const auto extent : spec.shape) size *= static_cast<std::size_t>(extent);
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(++counter_) * 0.125F;
    return {spec.name, "F32", spec.shape, bundle_test::float_bytes(values)};
  }

  bundle_test::StoredTensor& tensor(const std::string& name) {
    for (bundle_test::StoredTensor& tensor : tensors_) {
      if (tensor.name == name) return tensor;
    }
    throw std::out_of_range(name);
  }

  bundle_test::fs::path write() const {
    const bundle_test::fs::path checkpoint = folder_ / "checkpoint";
    std::filesystem::create_directories(checkpoint);
    base::write_file(checkpoint / "config.json", config_.dump());
    base::write_file(checkpoint / "model.safetensors", bundle_test::safetensors_bytes(tensors_));
    return checkpoint;
  }

  Bundle convert() {
    convert_checkpoint(write(), folder_ / "out", options_);
    return Bundle::open(folder_ / "out");
  }

  // What the last conversion wrote into model.pt, by name.
  std::map<std::string, std::vector<float>> written() const { return written_to(folder_ / "out"); }

  static std::map<std::string, std::vector<float>> written_to(const bundle_test::fs::path& out) {
    const auto weights = bundle::TorchScriptWeights::open(out / "model.pt");
    std::map<std::string, std::vector<float>> all;
    for (const bundle::ParameterSpec& spec : weights.specs())
      all[spec.name] = weights.read(spec.name);
    return all;
  }

  // The checkpoint is refused, and nothing but it is there afterwards.
  std::string refusal() {
    const std::string message = bundle_test::error_of([&] { convert(); });
    EXPECT_EQ(folder_.entries(), 1) << message;
    return message;
  }

  TemporaryFolder folder_;
  nlohmann::json config_;
  std::vector<bundle_test::StoredTensor> tensors_;
  bundle_test::StoredTensor head_;
  ConvertOptions options_;
  std::string notes_;  // of the last conversions
  int counter_ = 0;
};

}  // namespace medgen::jobs
