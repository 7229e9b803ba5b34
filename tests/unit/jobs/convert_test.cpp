// Conversion without libtorch: which tensors are written, what is refused, and that a refusal
// leaves nothing behind. That the result computes the right logits is tested in parity/.
#include "jobs/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bundle/config.h"
#include "bundle/safetensors.h"
#include "medgen/bundle.h"
#include "unit/jobs/tiny_checkpoint.h"

namespace medgen::jobs {
namespace {

using bundle_test::error_of;
using bundle_test::fixture;
using bundle_test::float_bytes;
using bundle_test::StoredTensor;
using bundle_test::fs::path;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

using ConvertTest = TinyCheckpoint;

TEST_F(ConvertTest, WritesEveryParameter) {
  int last = -1;
  options_.progress = [&](int done, int total) {
    EXPECT_EQ(done, ++last);
    EXPECT_EQ(total, 16);
  };
  const Bundle bundle = convert();
  EXPECT_EQ(last, 15);
  EXPECT_EQ(written().size(), 16U);
  for (const StoredTensor& tensor : tensors_) {
    EXPECT_EQ(float_bytes(written().at(tensor.name)), tensor.bytes) << tensor.name;
  }
  EXPECT_EQ(bundle.name(), "checkpoint");
  EXPECT_EQ(bundle.manifest().dtype, "fp32");
  EXPECT_THAT(bundle.model_card(), HasSubstr("No card came with the checkpoint"));
}

TEST_F(ConvertTest, TakesNamesWithoutPrefixOrUnderAWrapper) {
  const std::vector<StoredTensor> original = tensors_;
  for (const std::string prefix : {"", "model.transformer."}) {
    tensors_ = original;
    for (StoredTensor& tensor : tensors_) {
      tensor.name = prefix + tensor.name.substr(std::string("transformer.").size());
    }
    options_.replace = true;
    convert();
    EXPECT_EQ(float_bytes(written().at("transformer.h.0.mlp.c_fc.weight")), original[10].bytes);
  }
}

TEST_F(ConvertTest, PassesOverMaskBuffersOnly) {
  tensors_.push_back({"transformer.h.0.attn.bias", "U8", {1, 1, 1, 1}, "x"});
  tensors_.push_back({"transformer.h.0.attn.masked_bias", "F32", {}, float_bytes({-1e4F})});
  convert();
  tensors_.push_back({"transformer.h.0.attn.bias2", "F32", {}, float_bytes({1})});
  options_.replace = true;
  EXPECT_THAT(error_of([&] { convert(); }), HasSubstr("attn.bias2"));
}

TEST_F(ConvertTest, StoresAHeadEqualToTheEmbeddingAsTied) {
  config_["tie_word_embeddings"] = false;
  head_.bytes = tensor("transformer.wte.weight").bytes;
  tensors_.push_back(head_);
  EXPECT_TRUE(convert().config().tie_word_embeddings);
  EXPECT_EQ(written().count("lm_head.weight"), 0U);
}

TEST_F(ConvertTest, KeepsASeparateHead) {
  config_["tie_word_embeddings"] = false;
  tensors_.push_back(head_);
  EXPECT_FALSE(convert().config().tie_word_embeddings);
  EXPECT_EQ(float_bytes(written().at("lm_head.weight")), head_.bytes);
}

TEST_F(ConvertTest, RefusesATiedModelWithAnotherHead) {
  tensors_.push_back(head_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("lm_head.weight"), HasSubstr("tie_word_embeddings")));
}

TEST_F(ConvertTest, RefusesAnUntiedModelWithoutHead) {
  config_["tie_word_embeddings"] = false;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("lacks"), HasSubstr("\"lm_head.weight\"")));
}

TEST_F(ConvertTest, NamesAnyMissingTensor) {
  const std::vector<StoredTensor> original = tensors_;
  for (std::size_t i = 0; i < original.size(); ++i) {
    tensors_ = original;
    tensors_.erase(tensors_.begin() + static_cast<std::ptrdiff_t>(i));
    const std::string name =
        i == 0 ? "wte.weight" : original[i].name;  // without it there is no GPT-2 at all
    EXPECT_THAT(refusal(), HasSubstr(name));
  }
}

TEST_F(ConvertTest, NamesAnExtraTensor) {
  tensors_.push_back({"transformer.h.1.ln_1.weight", "F32", {2}, float_bytes({1, 1})});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("transformer.h.1.ln_1.weight"), HasSubstr("n_layer 1")));
  tensors_.back().name = "lm_head.bias";
  EXPECT_THAT(refusal(), HasSubstr("lm_head.bias"));
}

TEST_F(ConvertTest, NamesAMisshapenTensor) {
  tensor("transformer.h.0.mlp.c_fc.weight").shape = {3, 2};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("transformer.h.0.mlp.c_fc.weight"), HasSubstr("[3, 2]"),
                               HasSubstr("[2, 3]")));
}

TEST_F(ConvertTest, NamesATensorWithNan) {
  tensor("transformer.ln_f.bias").bytes = float_bytes({1, std::nanf("")});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("transformer.ln_f.bias"), HasSubstr("NaN")));
}

TEST_F(ConvertTest, NamesATensorThatFp16CannotHold) {
  options_.storage = bundle::StorageType::kFloat16;
  tensor("transformer.ln_f.bias").bytes = float_bytes({1, -65519});
  EXPECT_EQ(convert().manifest().dtype, "fp16");
  options_.replace = true;
  tensor("transformer.ln_f.bias").bytes = float_bytes({1, -65520});
  EXPECT_THAT(error_of([&] { convert(); }),
              AllOf(HasSubstr("transformer.ln_f.bias"), HasSubstr("fp16")));
  EXPECT_EQ(Bundle::open(folder_ / "out").manifest().dtype, "fp16");  // the old one stands
  options_.storage = bundle::StorageType::kFloat32;
  EXPECT_EQ(convert().manifest().dtype, "fp32");
}

TEST_F(ConvertTest, NamesAnUnsupportedSetting) {
  config_["add_cross_attention"] = true;
  EXPECT_THAT(refusal(), HasSubstr("add_cross_attention is true"));
}

TEST_F(ConvertTest, LeavesNothingWhenTheCallerInterrupts) {
  options_.progress = [](int done, int) {
    if (done == 5) throw Error(ErrorCode::kModel, "enough");
  };
  EXPECT_EQ(refusal(), "enough");
}

TEST_F(ConvertTest, SaysWhatIsMissingFromAFolder) {
  const path checkpoint = write();
  const auto message = [&] {
    return error_of([&] { convert_checkpoint(checkpoint, folder_ / "out", options_); });
  };
  std::filesystem::remove(checkpoint / "config.json");
  EXPECT_THAT(message(), HasSubstr("config.json is missing"));
  std::filesystem::remove(checkpoint / "model.safetensors");
  EXPECT_THAT(message(), HasSubstr("neither model.safetensors nor"));
  base::write_file(checkpoint / "config.json", config_.dump());
  base::write_file(checkpoint / "pytorch_model.bin", "x");
  EXPECT_THAT(message(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("cannot use")));
}

TEST_F(ConvertTest, CopiesCardAndGenerationSettings) {
  const path checkpoint = write();
  base::write_file(checkpoint / "README.md", "# Theirs\n");
  base::write_file(checkpoint / "generation_config.json", R"({"top_k": 7})");
  const Bundle bundle = convert();
  EXPECT_EQ(bundle.model_card(), "# Theirs\n");
  EXPECT_EQ(bundle.generation_config(), R"({"top_k": 7})");
  base::write_file(checkpoint / "generation_config.json", R"({"top_k": -7})");
  options_.replace = true;
  EXPECT_THAT(error_of([&] { convert(); }), HasSubstr("top_k is -7"));
}

TEST_F(ConvertTest, WhatIsCopiedIsNotTakenFromElsewhereByALink) {
  const path checkpoint = write();
  const path secret = folder_ / "checkpoint-secret";
  base::write_file(secret, "{}");
  const TemporaryFolder elsewhere;
  base::write_file(elsewhere / "README.md", "of somebody else");
  options_.tokenizer.reset();
  for (const auto& entry : std::filesystem::directory_iterator(fixture("tokenizer")))
    std::filesystem::copy(entry.path(), checkpoint / entry.path().filename());
  for (const std::string name : {"README.md", "MODEL_CARD.md", "generation_config.json",
                                 "special_tokens_map.json", "added_tokens.json"}) {
    for (const path& target : {secret, path("../checkpoint-secret"), elsewhere / "README.md"}) {
      std::filesystem::remove(checkpoint / name);
      std::filesystem::create_symlink(target, checkpoint / name);
      EXPECT_THAT(error_of([&] { convert_checkpoint(checkpoint, folder_ / "out", options_); }),
                  AllOf(HasSubstr(name), HasSubstr("a link to a file outside of that folder"),
                        HasSubstr("put the file itself there")));
      EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
    }
    std::filesystem::remove(checkpoint / name);
  }
}

// Companion: a snapshot of the Hugging Face cache is made of links, and a card may link to another
// file of its own folder.
TEST_F(ConvertTest, LinksIntoTheBlobsOfAHubsCacheAndWithinTheFolderAreFollowed) {
  const path snapshot = folder_ / "models--x/snapshots/0123";
  const path blobs = folder_ / "models--x/blobs";
  std::filesystem::create_directories(snapshot.parent_path());
  std::filesystem::create_directories(blobs);
  std::filesystem::rename(write(), snapshot);
  base::write_file(blobs / "abc", "# A blob\n");
  std::filesystem::create_symlink("../../blobs/abc", snapshot / "README.md");
  convert_checkpoint(snapshot, folder_ / "out", options_);
  EXPECT_EQ(Bundle::open(folder_ / "out").model_card(), "# A blob\n");

  base::write_file(snapshot / "docs.md", "# Its own\n");
  std::filesystem::create_symlink("docs.md", snapshot / "MODEL_CARD.md");
  convert_checkpoint(snapshot, folder_ / "own", options_);
  EXPECT_EQ(Bundle::open(folder_ / "own").model_card(), "# Its own\n");

  const TemporaryFolder elsewhere;  // a folder called blobs that is itself a link
  base::write_file(elsewhere / "abc", "of somebody else");
  std::filesystem::remove(snapshot / "MODEL_CARD.md");
  std::filesystem::remove_all(blobs);
  std::filesystem::create_symlink(elsewhere.path(), blobs);
  EXPECT_THAT(error_of([&] { convert_checkpoint(snapshot, folder_ / "no", options_); }),
              HasSubstr("a link to a file outside of that folder"));
}

TEST_F(ConvertTest, ACardThatIsTooLongIsRefused) {
  base::write_file(write() / "README.md", std::string((std::size_t{4} << 20U) + 1, 'x'));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("README.md"), HasSubstr("longer than the 4194304 bytes")));
}

TEST_F(ConvertTest, ReadsShardsAndHalfPrecisionFixtures) {
  for (const char* name : {"gelu_fast_sharded", "silu_bf16", "tanh_f16"}) {
    convert_checkpoint(fixture(name), folder_ / name, options_);
    const ModelConfig config = Bundle::open(folder_ / name).config();
    EXPECT_EQ(written_to(folder_ / name).size(), bundle::parameter_specs(config).size()) << name;
  }
}

}  // namespace
}  // namespace medgen::jobs
