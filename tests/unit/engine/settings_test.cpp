// The table of settings: what is read is what is written, what is out of range or contradicts
// itself is refused with its name, its value and what is allowed.
#include "engine/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "engine/setting_words.h"
#include "engine/steps.h"
#include "medgen/error.h"
#include "unit/engine/fake_backend.h"

namespace medgen::engine {
namespace {

using Json = SettingsJson;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const std::string& json, const DecodingSettings& defaults = {}) {
  try {
    make_settings(Json::parse(json), defaults);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(SettingsTest, WhatIsWrittenReadsBackTheSame) {
  const Json given = Json::parse(R"({
    "temperature": 0.9, "top_k": 7, "top_p": 0.8, "min_p": 0.01, "typical_p": 0.9,
    "epsilon_cutoff": 0.001, "eta_cutoff": 0.002, "top_h": 0.5, "top_n_sigma": 1.5,
    "xtc_probability": 0.5, "xtc_threshold": 0.2, "dynatemp_range": 0.1, "dynatemp_exponent": 2,
    "repetition_penalty": 1.2, "presence_penalty": 0.5, "frequency_penalty": -0.5,
    "no_repeat_ngram_size": 3, "encoder_repetition_penalty": 1.3,
    "encoder_no_repeat_ngram_size": 4, "dry_multiplier": 0.8, "dry_base": 1.5, "dry_allowed_length": 3,
    "dry_penalty_last_n": 64, "dry_sequence_breakers": ["."], "bad_words": ["dose", [1, 2]],
    "never_say": ["dose", "*itis"],
    "sequence_bias": [[[1, 2], -1.5]], "logit_bias": {"3": 2.5}, "suppress_tokens": [4],
    "begin_suppress_tokens": [5], "min_new_tokens": 2, "min_length": 4,
    "exponential_decay_length_penalty": [5, 1.1], "forced_bos_token_id": 1,
    "forced_eos_token_id": [2, 3], "guidance_scale": 1.5, "negative_prompt": "no",
    "renormalize_logits": true, "sampler_order": "vllm", "num_return_sequences": 2, "logprobs": 3,
    "max_new_tokens": 9, "stop": ["x"], "include_stop": true, "eos_token_id": [0],
    "ignore_eos": true, "max_time": 2.5, "end_at": "sentence", "stop_on_loop": true})");
  const Json written = settings_json(make_settings(given));
  for (const auto& [name, value] : given.items()) EXPECT_EQ(written[name], value) << name;
  EXPECT_EQ(settings_json(make_settings(written)), written);
  // Every setting but those that exclude these is in that object.
  for (const SettingInfo& info : setting_infos()) {
    const std::string name(info.name);
    const bool excluded = name.starts_with("mirostat") || name == "num_beams" || name == "seed" ||
                          name == "beam_sample" || name == "length_penalty" ||
                          name == "early_stopping" || name == "max_length" ||
                          name == "negative_prompt_ids";
    EXPECT_EQ(given.contains(name), !excluded) << name;
  }
}

TEST(SettingsTest, RecordsOfDefaultsHoldTheOrderOfSteps) {
  const Json written = settings_json({});
  EXPECT_EQ(written["sampler_order"], "hf");
  EXPECT_EQ(written["temperature"], 0.7);
  EXPECT_FALSE(written.contains("min_p"));
}

TEST(SettingsTest, RefusesWhatIsOutOfRangeWithValueAndRange) {
  EXPECT_THAT(
      refusal(R"({"top_p": 1.5})"),
      AllOf(HasSubstr("top_p is 1.5"), HasSubstr("above 0 and at most 1"), HasSubstr("0.95")));
  EXPECT_THAT(refusal(R"({"min_p": -0.1})"),
              AllOf(HasSubstr("min_p is -0.1"), HasSubstr("from 0 to 1")));
  for (const char* bad : {R"({"temperature": -1})",
                          R"({"top_k": -1})",
                          R"({"top_k": 1.5})",
                          R"({"top_k": 1e300})",
                          R"({"top_k": "5"})",
                          R"({"top_k": 99999999999999999999})",
                          R"({"top_p": 0})",
                          R"({"typical_p": 0})",
                          R"({"epsilon_cutoff": 1})",
                          R"({"eta_cutoff": -1})",
                          R"({"top_h": 0})",
                          R"({"top_h": 1.1})",
                          R"({"xtc_threshold": 2})",
                          R"({"mirostat": 1})",
                          R"({"repetition_penalty": 0})",
                          R"({"presence_penalty": 3})",
                          R"({"no_repeat_ngram_size": -1})",
                          R"({"dry_base": 0.5})",
                          R"({"dry_allowed_length": 0})",
                          R"({"bad_words": [[]]})",
                          R"({"bad_words": [""]})",
                          R"({"never_say": [""]})",
                          R"({"never_say": ["a", "*"]})",
                          R"({"never_say": [[1]]})",
                          R"({"sequence_bias": [[[], 1]]})",
                          R"({"sequence_bias": [[[1], "a"]]})",
                          R"({"logit_bias": {"x": 1}})",
                          R"({"logit_bias": {"1": 1000}})",
                          R"({"suppress_tokens": [-1]})",
                          R"({"exponential_decay_length_penalty": [-1, 1]})",
                          R"({"exponential_decay_length_penalty": [1, 0]})",
                          R"({"guidance_scale": "0.5"})",
                          R"({"guidance_scale": null})",
                          R"({"num_beams": 0})",
                          R"({"num_beams": 65})",
                          R"({"early_stopping": "maybe"})",
                          R"({"num_return_sequences": 0})",
                          R"({"n": 5000})",
                          R"({"logprobs": 101})",
                          R"({"seed": -1})",
                          R"({"max_length": 0})",
                          R"({"max_new_tokens": 0})",
                          R"({"stop": [""]})",
                          R"({"max_time": 0})",
                          R"({"end_at": "word"})",
                          R"({"stop_on_loop": 1})",
                          R"({"temperature": null})",
                          R"([])"}) {
    EXPECT_NE(refusal(bad), "accepted") << bad;
  }
}

TEST(SettingsTest, SuggestsTheNearestNameForAnUnknownOne) {
  EXPECT_THAT(refusal(R"({"topp": 0.9})"), HasSubstr("did you mean \"top_p\"?"));
  EXPECT_THAT(refusal(R"({"repitition_penalty": 1})"), HasSubstr("\"repetition_penalty\""));
  EXPECT_THAT(refusal(R"({"xyzzy_frobnicate": 1})"), HasSubstr("unknown setting"));
}

TEST(SettingsTest, RefusesContradictions) {
  for (const char* bad : {R"({"num_beams": 4, "temperature": 0.7})",
                          R"({"num_beams": 4, "top_p": 0.9})",
                          R"({"num_beams": 4, "min_p": 0.1})",
                          R"({"num_beams": 4, "num_return_sequences": 5})",
                          R"({"num_beams": 2, "guidance_scale": 2})",
                          R"({"length_penalty": 2})",
                          R"({"beam_sample": true})",
                          R"({"num_beams": 2, "beam_sample": true, "temperature": 0})",
                          R"({"num_beams": 2, "beam_sample": true, "xtc_probability": 0.5})",
                          R"({"num_beams": 2, "beam_sample": true, "mirostat": 2})",
                          R"({"num_beams": 2, "beam_sample": true, "n": 3})",
                          R"({"num_beams": 2, "beam_sample": true, "do_sample": false})",
                          R"({"num_beams": 2, "beam_sample": false, "do_sample": true})",
                          R"({"num_beams": 2, "do_sample": true, "temperature": 0})",
                          R"({"early_stopping": true})",
                          R"({"mirostat": 2, "top_k": 5})",
                          R"({"negative_prompt": "x"})",
                          R"({"temperature": 0, "num_return_sequences": 2})",
                          R"({"do_sample": false, "temperature": 1})",
                          R"({"max_length": 9, "max_new_tokens": 9})",
                          R"({"sampler_order": ["top_k"], "top_p": 0.9})",
                          R"({"sampler_order": "hff"})",
                          R"({"sampler_order": "top_k,top_k"})",
                          R"({"temperature": 0, "dynatemp_range": 1})"}) {
    EXPECT_NE(refusal(bad), "accepted") << bad;
  }
}

TEST(SettingsTest, DefaultsGiveWayToWhatIsGiven) {
  const auto made = [](const char* json) { return make_settings(Json::parse(json)); };
  const DecodingSettings beams = made(R"({"num_beams": 4, "n": 2})");
  EXPECT_EQ(beams.sampling.temperature, 0);
  EXPECT_EQ(beams.sampling.top_k, 0);
  EXPECT_EQ(beams.num_return_sequences, 2);
  for (const char* sampled :
       {R"({"num_beams": 4, "beam_sample": true})", R"({"num_beams": 4, "do_sample": true})"}) {
    const DecodingSettings drawn = made(sampled);
    EXPECT_TRUE(drawn.sampling.beam_sample) << sampled;
    EXPECT_EQ(drawn.sampling.temperature, SamplingParams{}.temperature) << sampled;
    EXPECT_EQ(drawn.sampling.top_k, SamplingParams{}.top_k) << sampled;
    EXPECT_EQ(drawn.num_return_sequences, 1) << sampled;
    EXPECT_EQ(settings_json(make_settings(settings_json(drawn))), settings_json(drawn)) << sampled;
  }
  EXPECT_FALSE(made(R"({"num_beams": 4, "do_sample": false})").sampling.beam_sample);
  EXPECT_FALSE(made(R"({"do_sample": true})").sampling.beam_sample);
  EXPECT_EQ(made(R"({"mirostat": 2})").sampling.top_k, 0);
  EXPECT_EQ(made(R"({"do_sample": false})").num_return_sequences, 1);
  EXPECT_EQ(made(R"({"max_new_tokens": 5})").stopping.max_new_tokens, 5);
}

TEST(SettingsTest, LaterSettingsWinOverEarlierOnes) {
  const Json merged = merge_settings(Json::parse(R"({"top_k": 5, "max_length": 50})"),
                                     Json::parse(R"({"max_new_tokens": 7, "top_k": 9})"));
  EXPECT_EQ(merged, Json::parse(R"({"top_k": 9, "max_new_tokens": 7})"));
}

TEST(SettingsTest, RefusesIdsOutsideTheVocabulary) {
  const DecodingSettings settings = make_settings(Json::parse(R"({"suppress_tokens": [19, 20]})"));
  EXPECT_NO_THROW(check_token_ids(settings.sampling, settings.stopping, 21));
  try {
    check_token_ids(settings.sampling, settings.stopping, 20);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("suppress_tokens"), HasSubstr("20"), HasSubstr("19")));
  }
}

TEST(StepsTest, EveryTraditionHasEveryStepOnce) {
  for (const char* order : {"hf", "vllm", "llama"}) {
    std::vector<std::string_view> names = named_order(order);
    EXPECT_EQ(names.size(), steps().size()) << order;
    for (const Step& step : steps()) EXPECT_THAT(names, ::testing::Contains(step.name)) << order;
  }
}

TEST(StepsTest, StepsThatNoTraditionNamesHaveTheirPlaces) {
  const auto step = [](std::string_view name, bool filters) {
    Step made;
    made.name = name;
    if (filters) made.filter = [](const SamplingParams&, const DecodingContext&, Candidates&) {};
    return made;
  };
  const std::vector<Step> all = {step("old", true),          step("temperature", true),
                                 step("new filter", true),   step("penalty", false),
                                 step("new penalty", false), step("mirostat", true),
                                 step("renormalize", false)};
  EXPECT_THAT(with_unnamed({"penalty", "old", "temperature", "mirostat", "renormalize"}, all),
              ::testing::ElementsAre("penalty", "new penalty", "old", "new filter", "temperature",
                                     "mirostat", "renormalize"));
  EXPECT_THAT(with_unnamed({"penalty", "temperature", "old", "mirostat", "renormalize"}, all),
              ::testing::ElementsAre("penalty", "new penalty", "temperature", "old", "new filter",
                                     "mirostat", "renormalize"));
}

TEST(SettingsTest, TheWordsOfASettingAreTaken) {
  for (const SettingInfo& info : setting_infos()) {
    const std::vector<std::string> words = words_of(info.name);
    EXPECT_EQ(info.kind == SettingKind::kWord, !words.empty()) << info.name;
    for (const std::string& word : words) {
      DecodingSettings settings;
      EXPECT_NO_THROW(set_alone(settings, std::string(info.name), word)) << word;
    }
  }
  DecodingSettings settings;
  EXPECT_THROW(set_alone(settings, "early_stopping", "maybe"), Error);
}

TEST(StepsTest, EveryFilterAndProcessorOfTheTableIsAStepOrShapesOne) {
  // What shapes a step, and that step.
  const std::map<std::string_view, std::string_view> shapes = {
      {"xtc_threshold", "xtc_probability"},
      {"dynatemp_range", "temperature"},
      {"dynatemp_exponent", "temperature"},
      {"mirostat_tau", "mirostat"},
      {"mirostat_eta", "mirostat"},
      {"dry_base", "dry_multiplier"},
      {"dry_allowed_length", "dry_multiplier"},
      {"dry_penalty_last_n", "dry_multiplier"},
      {"dry_sequence_breakers", "dry_multiplier"},
      {"negative_prompt", "guidance_scale"},
      {"negative_prompt_ids", "guidance_scale"}};
  std::vector<std::string_view> names;
  for (const Step& step : steps()) names.push_back(step.name);
  for (const SettingInfo& info : setting_infos()) {
    if (info.section != "filters" && info.section != "processors") continue;
    const auto shaped = shapes.find(info.name);
    EXPECT_THAT(names, ::testing::Contains(shaped == shapes.end() ? info.name : shaped->second))
        << info.name << " does nothing";
  }
}

}  // namespace
}  // namespace medgen::engine
