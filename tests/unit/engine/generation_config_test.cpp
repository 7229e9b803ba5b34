// What is read from a generation_config.json, what is named and what is refused.
#include "engine/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "medgen/error.h"
#include "unit/byte_tokenizer.h"

namespace medgen::engine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Json = SettingsJson;

ModelDefaults read(const std::string& text) { return parse_generation_config(text, "g.json"); }

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel) << text;
    return error.what();
  }
  return "";
}

DecodingSettings settings_of(const std::string& text) {
  return settings_for(Json::object(), read(text));
}

TEST(GenerationConfigTest, EverySettingOfAFileIsADefault) {
  const DecodingSettings s = settings_of(
      R"({"do_sample": true, "temperature": 0.9, "top_k": 7, "top_p": 0.8, "min_p": 0.1,
          "typical_p": 0.7, "epsilon_cutoff": 0.01, "eta_cutoff": 0.02, "top_h": 0.4,
          "repetition_penalty": 1.8, "no_repeat_ngram_size": 2,
          "encoder_repetition_penalty": 1.5, "encoder_no_repeat_ngram_size": 3, "bad_words_ids": [[13], [1, 2]],
          "sequence_bias": [[[1, 2], -1.5]], "suppress_tokens": [3],
          "begin_suppress_tokens": [4, 5], "min_length": 6,
          "exponential_decay_length_penalty": [5, 1.1], "forced_bos_token_id": 8,
          "forced_eos_token_id": [9], "guidance_scale": 1.5, "renormalize_logits": true,
          "num_return_sequences": 2, "max_length": 44, "max_time": 3, "stop_strings": "x",
          "eos_token_id": [10, 11]})");
  EXPECT_EQ(s.sampling.temperature, 0.9);
  EXPECT_EQ(s.sampling.top_k, 7);
  EXPECT_EQ(s.sampling.top_p, 0.8);
  EXPECT_EQ(s.sampling.min_p, 0.1);
  EXPECT_EQ(s.sampling.typical_p, 0.7);
  EXPECT_EQ(s.sampling.epsilon_cutoff, 0.01);
  EXPECT_EQ(s.sampling.eta_cutoff, 0.02);
  EXPECT_EQ(s.sampling.top_h, 0.4);
  EXPECT_EQ(s.sampling.repetition_penalty, 1.8);
  EXPECT_EQ(s.sampling.no_repeat_ngram_size, 2);
  EXPECT_EQ(s.sampling.encoder_repetition_penalty, 1.5);
  EXPECT_EQ(s.sampling.encoder_no_repeat_ngram_size, 3);
  EXPECT_THAT(s.sampling.bad_words, ElementsAre(ElementsAre(13), ElementsAre(1, 2)));
  EXPECT_THAT(s.sampling.sequence_bias, SizeIs(1));
  EXPECT_THAT(s.sampling.suppress_tokens, ElementsAre(3));
  EXPECT_THAT(s.sampling.begin_suppress_tokens, ElementsAre(4, 5));
  EXPECT_EQ(s.sampling.min_length, 6);
  EXPECT_EQ(s.sampling.exponential_decay_length_penalty->start, 5);
  EXPECT_EQ(s.sampling.forced_bos_token_id, 8);
  EXPECT_THAT(s.sampling.forced_eos_token_id, ElementsAre(9));
  EXPECT_EQ(s.sampling.guidance_scale, 1.5);
  EXPECT_TRUE(s.sampling.renormalize_logits);
  EXPECT_EQ(s.num_return_sequences, 2);
  EXPECT_EQ(s.stopping.max_length, 44);
  EXPECT_EQ(s.stopping.max_time, 3);
  EXPECT_THAT(s.stopping.stop, ElementsAre("x"));
  EXPECT_TRUE(s.stopping.include_stop);
  EXPECT_THAT(s.stopping.eos_token_id, ElementsAre(10, 11));
}

TEST(GenerationConfigTest, BeamsOfAFileDrawNothingAndGiveAsManyTextsAsItSays) {
  const DecodingSettings s = settings_of(
      R"({"num_beams": 4, "length_penalty": 2.0, "early_stopping": "never", "top_p": 0.5,
          "typical_p": 0.5, "temperature": 0.9, "num_return_sequences": 3})");
  EXPECT_EQ(s.sampling.num_beams, 4);
  EXPECT_EQ(s.sampling.length_penalty, 2);
  EXPECT_EQ(s.sampling.early_stopping, EarlyStopping::kNever);
  EXPECT_EQ(s.sampling.temperature, 0);
  EXPECT_EQ(s.sampling.top_p, 1);
  EXPECT_EQ(s.sampling.typical_p, 1);
  EXPECT_EQ(s.num_return_sequences, 3);
  EXPECT_EQ(settings_of(R"({"num_beams": 4})").num_return_sequences, 1);
}

TEST(GenerationConfigTest, WhatIsAboutBeamsHasNoEffectWithoutThem) {
  const DecodingSettings s = settings_of(R"({"length_penalty": 2.0, "early_stopping": true})");
  EXPECT_EQ(s.sampling.length_penalty, 1);
  EXPECT_EQ(s.sampling.early_stopping, EarlyStopping::kFalse);
}

TEST(GenerationConfigTest, NewTokensCountBeforeAllTokens) {
  EXPECT_EQ(settings_of(R"({"min_length": 50, "min_new_tokens": 2})").sampling.min_length, 0);
  const DecodingSettings s = settings_of(R"({"max_length": 50, "max_new_tokens": 2})");
  EXPECT_EQ(s.stopping.max_new_tokens, 2);
}

TEST(GenerationConfigTest, WhatIsAbsentOrNullIsMedgens) {
  for (const char* text : {"{}", R"({"top_p": null, "do_sample": null, "eos_token_id": null})"}) {
    EXPECT_THAT(read(text).settings, IsEmpty());
    EXPECT_EQ(settings_of(text).sampling.temperature, SamplingParams{}.temperature);
  }
  EXPECT_EQ(settings_of(R"({"do_sample": false})").sampling.temperature, 0);
  EXPECT_EQ(settings_of(R"({"do_sample": true})").sampling.temperature, 0.7);
}

TEST(GenerationConfigTest, NamesWhatItDoesNotDoAndWhatItDoesNotKnow) {
  EXPECT_THAT(
      read(R"({"penalty_alpha": 0.6, "dola_layers": "low", "num_beam_groups": 2})").notes,
      ElementsAre(AllOf(HasSubstr("g.json sets"), HasSubstr("penalty_alpha (contrastive search)"),
                        HasSubstr("dola_layers"), HasSubstr("num_beam_groups"),
                        HasSubstr("goes on without"))));
  EXPECT_THAT(read(R"({"tempreature": 2})").notes,
              ElementsAre(AllOf(HasSubstr("tempreature"), HasSubstr("does not know"))));
  Json many;
  for (int i = 0; i < 1000; ++i) many["key" + std::to_string(i) + std::string(1000, 'x')] = i;
  EXPECT_THAT(read(many.dump()).notes.front(),
              AllOf(HasSubstr("and 992 more"), Not(HasSubstr("key9")), SizeIs(testing::Lt(1000U))));
}

TEST(GenerationConfigTest, IsSilentWhereAKeyAsksForNothing) {
  Json idle;
  for (const GenerationKey& key : generation_keys()) {
    const std::string name(key.name);
    if (key.use == KeyUse::kNothing) idle[name] = "anything";
    if (key.use != KeyUse::kNotDone) continue;
    EXPECT_THAT(read(Json{{name, nullptr}}.dump()).notes, IsEmpty()) << name;
    for (const Json& value : Json::parse(key.idle)) {
      EXPECT_THAT(read(Json{{name, value}}.dump()).notes, IsEmpty()) << name;
    }
    EXPECT_THAT(read(Json{{name, 0.77}}.dump()).notes, SizeIs(1)) << name;  // the companion
  }
  EXPECT_THAT(read(idle.dump()).notes, IsEmpty());
  EXPECT_THAT(read(R"({"num_beam_groups": 1.0, "diversity_penalty": 0})").notes, IsEmpty());
}

TEST(GenerationConfigTest, RefusesValuesByFileAndKey) {
  EXPECT_THAT(refusal(R"({"temperature": -1})"),
              AllOf(HasSubstr("g.json: temperature is -1"), HasSubstr("at least 0")));
  EXPECT_THAT(refusal(R"({"top_p": 0})"), HasSubstr("top_p is 0"));
  EXPECT_THAT(refusal(R"({"top_p": 1.5})"), HasSubstr("top_p is 1.5"));
  EXPECT_THAT(refusal(R"({"top_k": 1.5})"), HasSubstr("top_k is 1.5"));
  EXPECT_THAT(refusal(R"({"top_k": "seven"})"), HasSubstr("top_k is a string"));
  EXPECT_THAT(refusal(R"({"max_length": 0})"), HasSubstr("max_length is 0"));
  EXPECT_THAT(refusal(R"({"max_new_tokens": 5000000000})"),
              HasSubstr("max_new_tokens is 5000000000"));
  EXPECT_THAT(refusal(R"({"num_return_sequences": 5000})"), HasSubstr("from 1 to 4096"));
  EXPECT_THAT(refusal(R"({"do_sample": 1})"), HasSubstr("do_sample is 1"));
  EXPECT_THAT(refusal(R"({"eos_token_id": [-1]})"), HasSubstr("eos_token_id is -1"));
  EXPECT_THAT(refusal(R"({"stop_strings": ["a", ""]})"),
              HasSubstr("stop_strings: stop string number 2"));
  EXPECT_THAT(refusal(R"({"bad_words_ids": [[]]})"), HasSubstr("bad_words_ids is a list"));
  EXPECT_THAT(refusal(R"({"num_beams": 2, "num_return_sequences": 3})"),
              AllOf(HasSubstr("num_return_sequences is 3"), HasSubstr("num_beams 2")));
  EXPECT_THAT(refusal("[]"), HasSubstr("holds a JSON array"));
  EXPECT_THAT(refusal("nonsense"), HasSubstr("not valid JSON"));
  EXPECT_EQ(refusal(R"({"temperature": 1})"), "");
}

TEST(GenerationConfigTest, ConfigOfOldFoldersSetsOnlyWhatIsNotTransformersDefault) {
  const Json config = Json::parse(
      R"({"n_embd": 8, "max_length": 20, "do_sample": false, "temperature": 1.0, "top_k": 50,
          "early_stopping": false, "num_beams": 1, "bad_words_ids": null, "eos_token_id": 3,
          "task_specific_params": {"text-generation": {"do_sample": true}}, "use_cache": true})");
  EXPECT_THAT(generation_keys_of(config), IsEmpty());
  Json old = config;
  old["max_length"] = 50;
  old["eos_token_id"] = {3, 4};
  EXPECT_EQ(generation_keys_of(old), Json::parse(R"({"max_length": 50, "eos_token_id": [3, 4]})"));
}

TEST(FitToVocabularyTest, IdsThatNeverOccurAreLeftOutAndOthersRefused) {
  const ByteTokenizer tokenizer;
  const auto fitted = [&](const std::string& text) {
    ModelDefaults model = read(text);
    fit_to_vocabulary(model, tokenizer, "g.json");
    return model.settings.dump();
  };
  EXPECT_EQ(fitted(R"({"eos_token_id": 256})"), "{}");  // the tokenizer's
  EXPECT_EQ(fitted(R"({"eos_token_id": [256, 50256, 256]})"), "{}");
  EXPECT_EQ(fitted(R"({"eos_token_id": [256, 10]})"), R"({"eos_token_id":[256,10]})");
  EXPECT_EQ(fitted(R"({"eos_token_id": 10})"), R"({"eos_token_id":[10]})");
  EXPECT_EQ(fitted(R"({"suppress_tokens": [1, 9999]})"), R"({"suppress_tokens":[1]})");
  try {
    fitted(R"({"bad_words_ids": [[1], [9999]]})");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("g.json: bad_words"), HasSubstr("9999"), HasSubstr("0 to 256")));
  }
}

TEST(GenerationKeysTest, HaveNamesOfTheirOwnAndSettingsThatThereAre) {
  std::set<std::string_view> names;
  for (const GenerationKey& key : generation_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(Json::parse(key.idle).is_array()) << key.name;
    EXPECT_EQ(key.use == KeyUse::kNotDone, !key.what.empty()) << key.name;
    if (key.use != KeyUse::kSetting) continue;
    EXPECT_TRUE(is_setting(key.setting.empty() ? key.name : key.setting)) << key.name;
  }
}

}  // namespace
}  // namespace medgen::engine
