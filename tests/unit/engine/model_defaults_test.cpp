// What the user sets, what the model sets and what medgen would: who wins.
#include "engine/model_defaults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/generation_config.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = SettingsJson;

DecodingSettings settings(const std::string& given, const std::string& model) {
  return settings_for(Json::parse(given), parse_generation_config(model, "g.json"));
}

std::string refusal(const std::string& given, const std::string& model) {
  try {
    settings(given, model);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(ModelDefaultsTest, TheUserWinsOverTheModelAndTheModelOverMedgen) {
  const std::string model = R"({"temperature": 0.9, "top_k": 10, "num_return_sequences": 5,
                                "bad_words_ids": [[1]], "stop_strings": ["a"]})";
  const DecodingSettings s = settings(R"({"top_k": 0, "bad_words": ["x"], "stop": ["b"]})", model);
  EXPECT_EQ(s.sampling.temperature, 0.9);
  EXPECT_EQ(s.sampling.top_k, 0);
  EXPECT_EQ(s.num_return_sequences, 5);
  EXPECT_THAT(s.sampling.bad_words, IsEmpty());
  EXPECT_THAT(s.stopping.stop, ElementsAre("b"));
  EXPECT_FALSE(s.stopping.include_stop);
  EXPECT_EQ(settings(R"({"n": 2})", model).num_return_sequences, 2);
}

TEST(ModelDefaultsTest, ALengthOfTheUserReplacesTheOtherKind) {
  EXPECT_FALSE(
      settings(R"({"max_length": 9})", R"({"max_new_tokens": 5})").stopping.max_new_tokens);
  EXPECT_EQ(settings(R"({"min_length": 9})", R"({"min_new_tokens": 5})").sampling.min_new_tokens,
            0);
  EXPECT_EQ(settings(R"({"min_new_tokens": 9})", R"({"min_length": 5})").sampling.min_length, 0);
}

TEST(ModelDefaultsTest, DoSampleDrawsAtTransformersTemperatureWhereTheDefaultIsZero) {
  const std::string sample = R"({"do_sample": true})";
  EXPECT_EQ(settings(sample, R"({"temperature": 0})").sampling.temperature, 1);
  EXPECT_EQ(settings(sample, R"({"temperature": 0, "do_sample": false})").sampling.temperature, 1);
  EXPECT_EQ(settings(sample, R"({"temperature": 0.4, "do_sample": false})").sampling.temperature,
            0.4);
  DecodingSettings greedy;
  greedy.sampling.temperature = 0;
  EXPECT_EQ(make_settings(Json::parse(sample), greedy).sampling.temperature, 1);
  EXPECT_EQ(make_settings(Json::object(), greedy).sampling.temperature, 0);  // the companion
  EXPECT_EQ(make_settings(merge_settings({{"temperature", 0}}, {{"do_sample", true}}))
                .sampling.temperature,
            SamplingParams{}.temperature);
}

TEST(ModelDefaultsTest, RefusesToDrawAtATemperatureOfZero) {
  EXPECT_THAT(refusal(R"({"do_sample": true, "temperature": 0})", "{}"),
              HasSubstr("do_sample is true and temperature 0"));
  EXPECT_THAT(refusal(R"({"do_sample": true, "temperature": 0.1})", "{}"), IsEmpty());
  for (const char* model :
       {R"({"do_sample": true, "temperature": 0})", R"({"temperature": 0.0, "do_sample": true})"}) {
    try {
      parse_generation_config(model, "g.json");
      ADD_FAILURE() << model;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("g.json: do_sample is true and temperature 0"));
    }
  }
}

TEST(ModelDefaultsTest, AGreedyModelDrawsWhereTheUserAsksForIt) {
  const std::string model =
      R"({"do_sample": false, "temperature": 0.9, "num_return_sequences": 3})";
  EXPECT_EQ(settings("{}", model).sampling.temperature, 0);
  EXPECT_EQ(settings("{}", model).num_return_sequences, 1);
  EXPECT_EQ(settings(R"({"temperature": 0.5})", model).sampling.temperature, 0.5);
  EXPECT_EQ(settings(R"({"temperature": 0.5})", model).num_return_sequences, 3);
  EXPECT_EQ(settings(R"({"do_sample": true})", model).sampling.temperature, 0.9);
}

TEST(ModelDefaultsTest, BeamsThatTheUserTurnsOffTakeWhatIsAboutThemAlong) {
  const std::string model = R"({"num_beams": 4, "length_penalty": 2.0, "early_stopping": true,
                                "top_p": 0.8, "num_return_sequences": 3})";
  const DecodingSettings off = settings(R"({"num_beams": 1})", model);
  EXPECT_EQ(off.sampling.length_penalty, 1);
  EXPECT_EQ(off.sampling.temperature, 0.7);
  EXPECT_EQ(off.sampling.top_p, 0.8);
  const DecodingSettings fewer = settings(R"({"num_beams": 2})", model);
  EXPECT_EQ(fewer.sampling.length_penalty, 2);
  EXPECT_EQ(fewer.num_return_sequences, 2);
}

TEST(ModelDefaultsTest, BeamsOfTheUserTurnTheModelsFiltersOff) {
  const DecodingSettings s = settings(
      R"({"num_beams": 3})",
      R"({"do_sample": true, "temperature": 0.9, "typical_p": 0.4, "min_p": 0.2, "top_h": 0.3})");
  EXPECT_EQ(s.sampling.temperature, 0);
  EXPECT_EQ(s.sampling.typical_p, 1);
  EXPECT_FALSE(s.sampling.top_h);
  const DecodingSettings mirostat = settings(R"({"mirostat": 2})", R"({"typical_p": 0.4})");
  EXPECT_EQ(mirostat.sampling.typical_p, 1);
}

TEST(ModelDefaultsTest, AContradictionWithTheModelNamesWhatTheModelSets) {
  EXPECT_THAT(
      refusal(R"({"temperature": 0.8})", R"({"num_beams": 4})"),
      AllOf(HasSubstr("num-beams is 4"), HasSubstr("generation_config.json sets num_beams")));
  // Companion: one that is the user's own alone.
  EXPECT_THAT(refusal(R"({"length_penalty": 2})", R"({"top_k": 4})"),
              AllOf(HasSubstr("length-penalty"), Not(HasSubstr("generation_config.json"))));
}

TEST(ModelDefaultsTest, InForceIsWhatTheUserLeavesOfTheModels) {
  const ModelDefaults model = parse_generation_config(
      R"({"num_beams": 4, "length_penalty": 2.0, "top_k": 5, "repetition_penalty": 1.2})", "g");
  EXPECT_EQ(in_force(Json::parse(R"({"repetition_penalty": 1})"), model),
            Json::parse(R"({"num_beams": 4, "length_penalty": 2.0})"));
  EXPECT_EQ(in_force(Json::parse(R"({"num_beams": 1})"), model),
            Json::parse(R"({"top_k": 5, "repetition_penalty": 1.2})"));
}

TEST(CheckGivenTest, RefusesWhatNoModelCanMakeRight) {
  const auto refused = [](const std::string& given) {
    try {
      check_given(Json::parse(given));
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  EXPECT_FALSE(refused(R"({"length_penalty": 2})"));  // a model may have beams
  EXPECT_FALSE(refused(R"({"early_stopping": true, "num_return_sequences": 5})"));
  EXPECT_FALSE(refused(R"({"negative_prompt": "x"})"));
  EXPECT_TRUE(refused(R"({"length_penalty": 2, "num_beams": 1})"));
  EXPECT_TRUE(refused(R"({"top_p": 2})"));
  EXPECT_TRUE(refused(R"({"mirostat": 2, "top_k": 4})"));
}

}  // namespace
}  // namespace medgen::engine
