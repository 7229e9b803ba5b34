// config.json: what is read, what is refused, and the parameters that follow from it.
#include "bundle/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bundle/activation.h"
#include "unit/bundle/support.h"

namespace medgen::bundle {
namespace {

using bundle_test::error_of;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

json small() {
  return {{"model_type", "gpt2"}, {"vocab_size", 300}, {"n_positions", 24},
          {"n_embd", 16},         {"n_layer", 2},      {"n_head", 2}};
}

ModelConfig parse(const json& object) { return parse_config(object.dump(), "config.json"); }

std::string refusal(const std::string& key, const json& value) {
  json object = small();
  object[key] = value;
  return error_of([&] { parse(object); });
}

TEST(ConfigTest, FillsInHuggingFacesDefaults) {
  const ModelConfig config = parse(small());
  EXPECT_EQ(config.n_inner, 64);
  EXPECT_EQ(config.activation_function, "gelu_new");
  EXPECT_DOUBLE_EQ(config.layer_norm_epsilon, 1e-5);
  EXPECT_TRUE(config.scale_attn_weights);
  EXPECT_FALSE(config.scale_attn_by_inverse_layer_idx);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_FALSE(config.eos_token_id.has_value());
  EXPECT_EQ(config.head_size(), 8);
}

TEST(ConfigTest, SurvivesWritingAndReading) {
  json object = small();
  object.update({{"n_inner", 40},
                 {"activation_function", "quick_gelu"},
                 {"layer_norm_epsilon", 0.02},
                 {"scale_attn_weights", false},
                 {"scale_attn_by_inverse_layer_idx", true},
                 {"reorder_and_upcast_attn", true},
                 {"tie_word_embeddings", false},
                 {"bos_token_id", 5},
                 {"eos_token_id", 7}});
  const ModelConfig first = parse(object);
  const std::string text = config_to_json(first);
  const ModelConfig second = parse_config(text, "config.json");
  EXPECT_EQ(config_to_json(second), text);
  EXPECT_EQ(second.n_inner, 40);
  EXPECT_EQ(second.activation_function, "quick_gelu");
  EXPECT_DOUBLE_EQ(second.layer_norm_epsilon, 0.02);
  EXPECT_FALSE(second.scale_attn_weights);
  EXPECT_TRUE(second.scale_attn_by_inverse_layer_idx);
  EXPECT_TRUE(second.reorder_and_upcast_attn);
  EXPECT_FALSE(second.tie_word_embeddings);
  EXPECT_EQ(second.bos_token_id, 5);
  EXPECT_EQ(second.eos_token_id, 7);
}

TEST(ConfigTest, UnderstandsOtherNamesOfTheSameSetting) {
  const ModelConfig config = parse({{"vocab_size", 300},
                                    {"max_position_embeddings", 24},
                                    {"hidden_size", 16},
                                    {"num_hidden_layers", 3},
                                    {"num_attention_heads", 4}});
  EXPECT_EQ(config.n_positions, 24);
  EXPECT_EQ(config.n_embd, 16);
  EXPECT_EQ(config.n_layer, 3);
  EXPECT_EQ(config.n_head, 4);
  json old = small();
  old.erase("n_positions");
  old["n_ctx"] = 20;
  EXPECT_EQ(parse(old).n_positions, 20);
}

TEST(ConfigTest, RefusesTwoNamesThatDisagree) {
  EXPECT_THAT(refusal("hidden_size", 32), AllOf(HasSubstr("n_embd"), HasSubstr("hidden_size")));
}

TEST(ConfigTest, TakesATokenIdThatNoTokenHasAsNone) {
  json object = small();
  object.update({{"bos_token_id", 50256}, {"eos_token_id", json::array({7})}});
  EXPECT_FALSE(parse(object).bos_token_id.has_value());
  EXPECT_EQ(parse(object).eos_token_id, 7);
  object["eos_token_id"] = json::array({7, 8});  // generation ends at each: see generation_config
  EXPECT_NO_THROW(parse(object));
  EXPECT_THAT(refusal("eos_token_id", -1), HasSubstr("eos_token_id is -1"));
}

TEST(ConfigTest, NamesAMissingKey) {
  for (const char* key : {"vocab_size", "n_positions", "n_embd", "n_layer", "n_head"}) {
    json object = small();
    object.erase(key);
    EXPECT_THAT(error_of([&] { parse(object); }), AllOf(HasSubstr(key), HasSubstr("missing")));
  }
}

TEST(ConfigTest, RefusesWhatItCannotComputeNamingKeyAndValue) {
  EXPECT_THAT(refusal("model_type", "llama"), HasSubstr("model_type is \"llama\""));
  EXPECT_THAT(refusal("add_cross_attention", true), HasSubstr("add_cross_attention is true"));
  EXPECT_THAT(refusal("is_encoder_decoder", true), HasSubstr("is_encoder_decoder"));
  EXPECT_THAT(refusal("pruned_heads", {{"0", {1}}}), HasSubstr("pruned_heads"));
  EXPECT_THAT(refusal("quantization_config", {{"bits", 4}}), HasSubstr("quantization_config"));
  EXPECT_THAT(refusal("activation_function", "softsign"),
              AllOf(HasSubstr("\"softsign\""), HasSubstr("gelu_new")));
  EXPECT_THAT(refusal("activation_function", "prelu"),
              AllOf(HasSubstr("\"prelu\""), HasSubstr("learned"), HasSubstr("gelu_new")));
  EXPECT_THAT(refusal("n_head", 3), HasSubstr("does not divide n_embd 16"));
  EXPECT_THAT(refusal("scale_attn_weights", "yes"), HasSubstr("scale_attn_weights is \"yes\""));
  EXPECT_THAT(refusal("layer_norm_epsilon", 0), HasSubstr("layer_norm_epsilon"));
}

TEST(ConfigTest, TakesEveryActivationThatIsKnown) {
  json object = small();
  for (const std::string& name : known_activations()) {
    object["activation_function"] = name;
    EXPECT_EQ(parse(object).activation_function, name);
  }
}

TEST(ConfigTest, BoundsEveryNumberOfAHostileFile) {
  for (const char* key : {"vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner"}) {
    for (const json& value : {json(0), json(-1), json(2'000'000'000), json(9'000'000'000'000),
                              json(1.5), json("7"), json(18446744073709551615U)}) {
      EXPECT_THAT(refusal(key, value), HasSubstr(key)) << value;
    }
  }
  json large = small();
  large.update({{"n_embd", 65536}, {"n_layer", 256}, {"n_inner", 1 << 20}});
  EXPECT_THAT(error_of([&] { parse(large); }), HasSubstr("parameters"));
}

TEST(ConfigTest, RefusesWhatIsNotAJsonObject) {
  EXPECT_THAT(error_of([] { parse_config("{\"n_embd\": ", "config.json"); }),
              HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of([] { parse_config("[1]", "config.json"); }), HasSubstr("object"));
  const std::string deep(100'000, '[');
  error_of([&] { parse_config(deep, "config.json"); });
}

TEST(ConfigTest, ListsEveryParameterAndCountsThem) {
  json object = small();
  object["n_inner"] = 40;
  for (const bool tied : {true, false}) {
    object["tie_word_embeddings"] = tied;
    const ModelConfig config = parse(object);
    std::int64_t count = 0;
    bool has_head = false;
    for (const ParameterSpec& spec : parameter_specs(config)) {
      std::int64_t size = 1;
      for (const std::int64_t extent : spec.shape) size *= extent;
      count += size;
      has_head = has_head || spec.name == "lm_head.weight";
      if (spec.name == "transformer.h.1.mlp.c_fc.weight") {
        EXPECT_EQ(spec.shape, (std::vector<std::int64_t>{16, 40}));
      }
    }
    EXPECT_EQ(has_head, !tied);
    EXPECT_EQ(config.parameter_count(), count);
    EXPECT_EQ(parameter_specs(config).size(), 2U + 2 * 12U + 2U + (tied ? 0U : 1U));
  }
}

TEST(ConfigTest, CountsGpt2SmallAsPublished) {
  const ModelConfig config = parse({{"vocab_size", 50257},
                                    {"n_positions", 1024},
                                    {"n_embd", 768},
                                    {"n_layer", 12},
                                    {"n_head", 12}});
  EXPECT_EQ(config.parameter_count(), 124'439'808);
}

}  // namespace
}  // namespace medgen::bundle
