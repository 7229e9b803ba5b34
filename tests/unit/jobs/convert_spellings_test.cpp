// Weights in every spelling that people save: names, files, types, tied or not; and what a folder
// is that holds none.
#include <gmock/gmock.h>

#include "unit/bundle/state_dicts.h"
#include "unit/jobs/tiny_checkpoint.h"

namespace medgen::jobs {
namespace {

using bundle_test::error_of;
using bundle_test::float_bytes;
using bundle_test::safetensors_bytes;
using bundle_test::StoredTensor;
using bundle_test::write_state_dict_file;
using bundle_test::fs::path;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ConvertSpellingsTest : public TinyCheckpoint {
 protected:
  // The folder with config.json alone, for weights of the test's own.
  path without_weights() {
    const path checkpoint = write();
    std::filesystem::remove(checkpoint / "model.safetensors");
    return checkpoint;
  }

  void expect_all_parameters() {
    options_.replace = true;
    convert_checkpoint(folder_ / "checkpoint", folder_ / "out", options_);
    const auto parameters = written();
    EXPECT_EQ(parameters.size(), 16U);
    for (const StoredTensor& tensor : original_) {
      EXPECT_EQ(float_bytes(parameters.at(tensor.name)), tensor.bytes) << tensor.name;
    }
  }

  std::string refusal_of(const path& source) {
    const std::string message =
        error_of([&] { convert_checkpoint(source, folder_ / "out", options_); });
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
    return message;
  }

  std::vector<StoredTensor> original_ = tensors_;
};

TEST_F(ConvertSpellingsTest, TheEmbeddingMayBeStoredAsTheHeadAlone) {
  tensor("transformer.wte.weight").name = "lm_head.weight";
  write();
  expect_all_parameters();
  config_["tie_word_embeddings"] = false;
  std::filesystem::remove_all(folder_ / "out");
  EXPECT_THAT(refusal(), HasSubstr("tie_word_embeddings false"));
}

TEST_F(ConvertSpellingsTest, AnAliasInTheMetadataNamesATiedTensor) {
  config_["tie_word_embeddings"] = false;
  tensor("transformer.wte.weight").name = "lm_head.weight";
  std::string bytes = safetensors_bytes(tensors_);
  const path checkpoint = write();
  const std::string format = R"({"format":"pt"})";
  const std::string alias = R"({"format":"pt","transformer.wte.weight":"lm_head.weight"})";
  std::string header = bytes.substr(
      8, static_cast<unsigned char>(bytes[0]) + 256U * static_cast<unsigned char>(bytes[1]));
  const std::string data = bytes.substr(8 + header.size());
  header.replace(header.find(format), format.size(), alias);
  base::write_file(checkpoint / "model.safetensors", bundle_test::with_header(header, data));
  expect_all_parameters();
  EXPECT_TRUE(Bundle::open(folder_ / "out").config().tie_word_embeddings);
}

TEST_F(ConvertSpellingsTest, AnIndexMayNameATiedHeadThatNoShardHolds) {
  const path checkpoint = without_weights();
  const auto index = [&](const std::string& extra) {
    nlohmann::json map = {{extra, "a.safetensors"}};
    for (const StoredTensor& tensor : tensors_) map[tensor.name] = "a.safetensors";
    base::write_file(checkpoint / "model.safetensors.index.json",
                     nlohmann::json({{"weight_map", map}}).dump());
  };
  base::write_file(checkpoint / "a.safetensors", safetensors_bytes(tensors_));
  index("lm_head.weight");
  expect_all_parameters();
  std::filesystem::remove_all(folder_ / "out");
  index("transformer.ln_f.gain");
  EXPECT_THAT(refusal_of(checkpoint), HasSubstr("\"transformer.ln_f.gain\" is missing from"));
}

TEST_F(ConvertSpellingsTest, PicklesAndTheirShardsAreRead) {
  const path checkpoint = without_weights();
  write_state_dict_file(checkpoint / "pytorch_model.bin", tensors_);
  expect_all_parameters();

  std::filesystem::remove(checkpoint / "pytorch_model.bin");
  const auto half = tensors_.begin() + 7;
  write_state_dict_file(checkpoint / "1.bin", {tensors_.begin(), half});
  write_state_dict_file(checkpoint / "2.bin", {half, tensors_.end()});
  nlohmann::json map;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    map[tensors_[i].name] = i < 7 ? "1.bin" : "2.bin";
  }
  base::write_file(checkpoint / "pytorch_model.bin.index.json",
                   nlohmann::json({{"weight_map", map}}).dump());
  expect_all_parameters();
  std::filesystem::remove_all(folder_ / "out");
  write_state_dict_file(checkpoint / "2.bin", {tensors_.begin(), tensors_.end()});
  EXPECT_THAT(refusal_of(checkpoint), HasSubstr("is in another shard too"));
}

TEST_F(ConvertSpellingsTest, AVariantIsReadWhereItIsTheOnlyOne) {
  const path checkpoint = without_weights();
  base::write_file(checkpoint / "model.fp16.safetensors", safetensors_bytes(tensors_));
  expect_all_parameters();
  std::filesystem::remove_all(folder_ / "out");
  base::write_file(checkpoint / "model.ema.safetensors", safetensors_bytes(tensors_));
  EXPECT_THAT(refusal_of(checkpoint),
              HasSubstr("several variants of the weights: model.ema.safetensors, "
                        "model.fp16.safetensors"));
  base::write_file(checkpoint / "model.safetensors", safetensors_bytes(tensors_));
  expect_all_parameters();
}

TEST_F(ConvertSpellingsTest, DoublesAreRounded) {
  StoredTensor& changed = tensor("transformer.ln_f.bias");
  const double values[] = {0.1, -2};
  changed.dtype = "F64";
  changed.bytes.assign(sizeof values, '\0');
  std::memcpy(changed.bytes.data(), values, sizeof values);
  convert();
  EXPECT_EQ(written().at("transformer.ln_f.bias"), (std::vector<float>{0.1F, -2}));
}

TEST_F(ConvertSpellingsTest, HeadsAndBuffersThatALanguageModelLacksAreNamedAndIgnored) {
  const std::string value = float_bytes({1});
  for (const char* name :
       {"score.weight", "v_head.summary.weight", "multiple_choice_head.summary.bias",
        "transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"}) {
    tensors_.push_back({name, "F32", {1}, value});
  }
  write();
  expect_all_parameters();
  EXPECT_EQ(notes_,
            "not used, being no part of the language model: h.*.attn.bias, h.*.attn.masked_bias, "
            "multiple_choice_head.summary.bias, score.weight, v_head.summary.weight\n");
  notes_.clear();
  tensors_ = original_;
  write();
  expect_all_parameters();
  EXPECT_EQ(notes_, "");
}

TEST_F(ConvertSpellingsTest, ATokenizerMayHaveAFewTokensMoreThanTheModel) {
  const std::unique_ptr<Tokenizer> whole = load_tokenizer(*options_.tokenizer);
  const int ids = whole->vocab_size();
  const auto resize = [&](int rows) {
    config_["vocab_size"] = rows;
    StoredTensor& embedding = tensor("transformer.wte.weight");
    embedding.shape[0] = rows;
    embedding.bytes = float_bytes(std::vector<float>(static_cast<std::size_t>(rows) * 2, 0.5F));
  };
  resize(ids - 1);
  const Bundle bundle = convert();
  EXPECT_EQ(bundle.tokenizer().vocab_size(), ids - 1);
  const std::string last = whole->decode(std::vector<TokenId>{ids - 1});
  const auto encoded = whole->encode(last, Specials::kParse);
  ASSERT_EQ(encoded, std::vector<TokenId>{ids - 1});
  EXPECT_THAT(
      error_of([&] { (void)bundle.tokenizer().encode(last, Specials::kParse); }, ErrorCode::kUsage),
      AllOf(HasSubstr(std::to_string(ids - 1)), HasSubstr("the model does not know")));
  EXPECT_EQ(bundle.tokenizer().encode("b"), whole->encode("b"));

  std::filesystem::remove_all(folder_ / "out");
  resize(ids - 101);
  EXPECT_THAT(refusal(), HasSubstr("give the tokenizer that the model was trained with"));
}

TEST_F(ConvertSpellingsTest, WhatOpeningWouldRefuseLeavesNoFolder) {
  const path checkpoint = write();
  options_.tokenizer.reset();
  for (const auto& entry : std::filesystem::directory_iterator(bundle_test::fixture("tokenizer")))
    std::filesystem::copy(entry.path(), checkpoint / entry.path().filename());
  base::write_file(checkpoint / "tokenizer_config.json", R"({"add_bos_token": "true"})");
  EXPECT_THAT(
      refusal_of(checkpoint),
      AllOf(HasSubstr("add_bos_token"), HasSubstr((checkpoint / "tokenizer_config.json").string()),
            ::testing::Not(HasSubstr(".new-"))));
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(ConvertSpellingsTest, WhatFailsAtTheEndLeavesNoFolder) {
  options_.last = [](const path& staged) {
    EXPECT_EQ(Bundle::open(staged).name(), "checkpoint");
    throw Error(ErrorCode::kRuntime, "no");
  };
  const path checkpoint = write();
  EXPECT_EQ(error_of([&] { convert_checkpoint(checkpoint, folder_ / "out", options_); },
                     ErrorCode::kRuntime),
            "no");
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(ConvertSpellingsTest, SaysWhatAFileIsInstead) {
  const path checkpoint = write();
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
  for (const char* name : {"model.safetensors", "config.json"}) {
    write();
    base::write_file(checkpoint / name, pointer);
    EXPECT_THAT(refusal_of(checkpoint),
                AllOf(HasSubstr(name), HasSubstr("Git LFS pointer"), HasSubstr("git lfs pull")));
  }
  write();
  base::write_file(checkpoint / "model.safetensors", "PK\x03\x04 and more of a zip file");
  EXPECT_THAT(refusal_of(checkpoint), HasSubstr("pytorch_model.bin"));
}

TEST_F(ConvertSpellingsTest, SaysThatATokenizersFileIsInAnotherEncoding) {
  const path checkpoint = write();
  options_.tokenizer.reset();
  base::write_file(checkpoint / "merges.txt", "#version: 0.2\n");
  base::write_file(checkpoint / "vocab.json", "\xef\xbb\xbf{}");
  EXPECT_THAT(refusal_of(checkpoint), AllOf(HasSubstr("vocab.json"), HasSubstr("byte-order mark")));
  base::write_file(checkpoint / "vocab.json", std::string("\xff\xfe{\0}\0", 6));
  EXPECT_THAT(refusal_of(checkpoint), AllOf(HasSubstr("vocab.json"), HasSubstr("UTF-16")));
}

TEST_F(ConvertSpellingsTest, SaysWhatAFolderIsInstead) {
  const path hub = folder_ / "models--x--y";
  std::filesystem::create_directories(hub / "snapshots/0123");
  EXPECT_THAT(refusal_of(hub), AllOf(HasSubstr("hub's cache"), HasSubstr("snapshots/0123")));
  const path adapter = folder_ / "adapter";
  std::filesystem::create_directories(adapter);
  base::write_file(adapter / "adapter_config.json", "{}");
  EXPECT_THAT(refusal_of(adapter), AllOf(HasSubstr("LoRA"), HasSubstr("merge_and_unload")));
  std::filesystem::remove(adapter / "adapter_config.json");
  base::write_file(adapter / "tf_model.h5", "x");
  EXPECT_THAT(refusal_of(adapter), HasSubstr("TensorFlow's format"));
}

TEST_F(ConvertSpellingsTest, NamesTheKeyOfANumberThatIsNone) {
  const path checkpoint = write();
  base::write_file(checkpoint / "config.json",
                   R"({"model_type": "gpt2", "layer_norm_epsilon": NaN, "n_embd": 2})");
  EXPECT_THAT(refusal_of(checkpoint), AllOf(HasSubstr("NaN"), HasSubstr("\"layer_norm_epsilon\"")));
  base::write_file(checkpoint / "config.json", R"({"layer_norm_epsilon": -Infinity})");
  EXPECT_THAT(refusal_of(checkpoint), HasSubstr("\"layer_norm_epsilon\""));
}

}  // namespace
}  // namespace medgen::jobs
