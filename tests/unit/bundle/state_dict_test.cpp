// state_dicts that torch.save wrote, read as data: nothing in them is called, and what no weights
// need is refused by its name. And those that medgen writes itself.
#include <gmock/gmock.h>

#include "base/sha256.h"
#include "bundle/half.h"
#include "bundle/model_file.h"
#include "bundle/torchscript_weights.h"
#include "unit/bundle/state_dicts.h"

namespace medgen::bundle {
namespace {

using bundle_test::error_of;
using bundle_test::float_bytes;
using bundle_test::ordered_dict;
using bundle_test::pickled_tensor;
using bundle_test::state_dict_records;
using bundle_test::fs::path;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const bundle_test::StoredTensor kPair = {"pair", "F32", {2}, float_bytes({1.5F, -2})};

class StateDictTest : public ::testing::Test {
 protected:
  std::string refusal(forging::Records records) const {
    forging::write_archive(file_, records);
    return error_of([&] { TorchScriptWeights::open(file_); });
  }

  // Of an archive with kPair's record and this pickle.
  std::string refusal(const std::string& pickle) const {
    forging::Records records = state_dict_records({kPair});
    records.front().bytes = pickle;
    return refusal(records);
  }

  TemporaryFolder folder_;
  path file_ = folder_ / "pytorch_model.bin";
};

TEST_F(StateDictTest, ItsTensorsAreReadByName) {
  const std::string parameter = "ctorch._utils\n_rebuild_parameter\n" +
                                forging::pickle::tuple({pickled_tensor(kPair, "0"), "\x88",
                                                        "ccollections\nOrderedDict\n)R"}) +
                                "R";
  forging::Records records = state_dict_records({kPair});
  for (const std::string& whole :
       {ordered_dict({{"a.b", pickled_tensor(kPair, "0")}, {"c", parameter}}),
        forging::pickle::dictionary({{"a.b", pickled_tensor(kPair, "0")}, {"c", parameter}})}) {
    records.front().bytes = forging::pickle::document(whole);
    forging::write_archive(file_, records);
    const auto weights = TorchScriptWeights::open(file_);
    EXPECT_THAT(weights.read("a.b"), ElementsAre(1.5F, -2));
    EXPECT_TRUE(weights.same("a.b", "c"));
  }
}

TEST_F(StateDictTest, EveryFloatingTypeBecomesFloat) {
  const double big[] = {1.5, -1e-3};
  std::string doubles(sizeof big, '\0');
  std::memcpy(doubles.data(), big, sizeof big);
  bundle_test::write_state_dict_file(file_, {{"f64", "F64", {2}, doubles},
                                             {"f16", "F16", {1}, std::string("\x00\x3e", 2)},
                                             {"bf16", "BF16", {1}, std::string("\xc0\x3f", 2)}});
  const auto weights = TorchScriptWeights::open(file_);
  EXPECT_THAT(weights.read("f64"), ElementsAre(1.5F, -1e-3F));
  EXPECT_THAT(weights.read("f16"), ElementsAre(1.5F));
  EXPECT_THAT(weights.read("bf16"), ElementsAre(1.5F));
}

TEST_F(StateDictTest, WhatAPickleWouldCallIsNamedAndNeverCalled) {
  const std::string call =
      "cposix\nsystem\n" + forging::pickle::tuple({forging::pickle::text("true")}) + "R";
  const std::string beside = forging::pickle::tuple({call, pickled_tensor(kPair, "0")});
  for (const std::string& whole :
       {call, ordered_dict({{"w", call}}), ordered_dict({{"w", beside}})}) {
    EXPECT_THAT(refusal(forging::pickle::document(whole)),
                AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("posix.system"),
                      HasSubstr("state_dict()")));
  }
}

TEST_F(StateDictTest, AnEntryThatIsNoTensorIsNamed) {
  EXPECT_THAT(
      refusal(forging::pickle::document(ordered_dict({{"epoch", forging::pickle::integer(3)}}))),
      HasSubstr("its entry \"epoch\" is not a tensor"));
  EXPECT_THAT(refusal(forging::pickle::document(ordered_dict(
                  {{"state_dict", ordered_dict({{"w", pickled_tensor(kPair, "0")}})}}))),
              HasSubstr("its entry \"state_dict\" is not a tensor"));
}

TEST_F(StateDictTest, OtherFormatsOfTorchAreNamed) {
  EXPECT_THAT(refusal(std::string("\x80\x04") + ordered_dict({}) + "."),
              HasSubstr("pickle of protocol 4"));
  forging::Records records = state_dict_records({kPair});
  records[1].bytes = "big";
  EXPECT_THAT(refusal(records), HasSubstr("little-endian"));
  std::filesystem::remove(file_);
  base::write_file(file_, std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."));
  EXPECT_THAT(error_of([&] { TorchScriptWeights::open(file_); }), HasSubstr("before PyTorch 1.6"));
  base::write_file(file_, bundle_test::safetensors_bytes({kPair}));
  EXPECT_THAT(error_of([&] { TorchScriptWeights::open(file_); }), HasSubstr("safetensors file"));
}

TEST_F(StateDictTest, ATensorBeyondItsRecordIsRefused) {
  forging::Records records = state_dict_records({kPair});
  records.back().bytes.pop_back();
  EXPECT_THAT(refusal(records), HasSubstr("reaches beyond data/0"));
}

// What medgen writes itself.
class ModelFileTest : public StateDictTest {
 protected:
  ModelFileTest() {
    config_.vocab_size = 5;
    config_.n_positions = 3;
    config_.n_embd = 2;
    config_.n_layer = 1;
    config_.n_head = 1;
    config_.n_inner = 3;
  }

  static std::vector<float> values(const std::string& name,
                                   const std::vector<std::int64_t>& shape) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    std::vector<float> all(count);
    for (std::size_t i = 0; i < count; ++i) {
      all[i] = static_cast<float>(i) - static_cast<float>(name.size());
    }
    return all;
  }

  ModelConfig config_;
};

TEST_F(ModelFileTest, HoldsEveryParameterAndNothingElse) {
  for (const auto write : {write_state_dict, write_torchscript}) {
    for (const StorageType storage : {StorageType::kFloat32, StorageType::kFloat16}) {
      std::filesystem::remove(file_);
      write(config_, storage, values, file_);
      const auto weights = TorchScriptWeights::open(file_);
      for (const ParameterSpec& spec : parameter_specs(config_)) {
        EXPECT_EQ(weights.read(spec.name), values(spec.name, spec.shape)) << spec.name;
      }
      EXPECT_EQ(weights.specs().size(), parameter_specs(config_).size());
      EXPECT_EQ(weights.holds(ElementType::kFloat16), storage == StorageType::kFloat16);
    }
  }
}

// Records name a model by this hash, and a model that was converted on another machine must have
// it.
TEST_F(ModelFileTest, IsTheSameOnEveryMachine) {
  const auto hash = [&](const auto& write) {
    std::filesystem::remove(file_);
    write(config_, StorageType::kFloat32, values, file_);
    return base::sha256_of_file(file_);
  };
  EXPECT_EQ(hash(write_state_dict),
            "fca23144bf332e7df0ddc0b8ebbfd83f759362fcc979bb6947f830fac07d7bfd");
  EXPECT_EQ(hash(write_torchscript),
            "69ef6768c350a825b409be5848cbe526958ee677e785410c89ff29ce3e37e21c");
  config_.n_head = 2;  // is written into the code alone
  EXPECT_EQ(hash(write_state_dict),
            "fca23144bf332e7df0ddc0b8ebbfd83f759362fcc979bb6947f830fac07d7bfd");
  EXPECT_NE(hash(write_torchscript),
            "69ef6768c350a825b409be5848cbe526958ee677e785410c89ff29ce3e37e21c");
}

TEST_F(ModelFileTest, HoldsTheSourceOfEachClassOnce) {
  config_.n_layer = 2;
  config_.tie_word_embeddings = false;
  write_torchscript(config_, StorageType::kFloat32, values, file_);
  const std::string bytes = base::read_file(file_, 1U << 20U);
  for (const char* name : {"GPT2", "Transformer", "Blocks", "Block0", "Block1", "Attention0",
                           "Attention1", "FeedForward", "LayerNorm", "Linear", "Embedding"}) {
    const std::string line = std::string("class ") + name + "(Module):";
    EXPECT_NE(bytes.find(line), std::string::npos) << name;
    EXPECT_EQ(bytes.find(line), bytes.rfind(line)) << name;
  }
}

TEST_F(ModelFileTest, AFailureWhileItIsReadLeavesNoFile) {
  const auto read = [](const std::string& name, const std::vector<std::int64_t>& shape) {
    if (name == "transformer.ln_f.weight") throw Error(ErrorCode::kModel, "enough");
    return values(name, shape);
  };
  EXPECT_EQ(error_of([&] { write_state_dict(config_, StorageType::kFloat32, read, file_); }),
            "enough");
  EXPECT_EQ(folder_.entries(), 0);
}

}  // namespace
}  // namespace medgen::bundle
