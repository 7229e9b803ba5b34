#include "session/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"

namespace medgen::session {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Settings started_with(const engine::SettingsJson& given) { return {given, {}}; }

std::string refusal(Settings& settings, const std::string& name, const std::string& value) {
  try {
    settings.set(name, value);
  } catch (const Error& error) {
    return without_backticks(error.what());
  }
  return {};
}

std::string origin_of(const Settings& settings, const std::string& name) {
  for (const Settings::Line& line : settings.lines(true)) {
    if (line.name == name) return line.value + ", " + std::string(line.origin);
  }
  return {};
}

TEST(SessionSettingsTest, WhatIsSetHereWinsAndIsTakenBack) {
  Settings settings = started_with({{"temperature", 0.5}, {"n", 2}});
  EXPECT_EQ(settings.resolved().sampling.temperature, 0.5);
  EXPECT_EQ(settings.resolved().num_return_sequences, 2);
  settings.set("temperature", "0.9");
  settings.set("top-k", "7");
  EXPECT_EQ(settings.resolved().sampling.temperature, 0.9);
  EXPECT_EQ(settings.resolved().sampling.top_k, 7);
  EXPECT_EQ(origin_of(settings, "temperature"), "0.9, set here");
  settings.set("temperature", "default");
  EXPECT_EQ(origin_of(settings, "temperature"), "0.5, given at the start");
  EXPECT_EQ(origin_of(settings, "num_return_sequences"), "2, given at the start");
  EXPECT_THAT(origin_of(settings, "min_p"), HasSubstr(", default"));
  EXPECT_EQ(origin_of(settings, "seed"), "drawn for each text, default");
  settings.set("seed", "4711");
  EXPECT_EQ(origin_of(settings, "seed"), "4711, set here");
}

TEST(SessionSettingsTest, AModelsDefaultsAreNamed) {
  engine::ModelDefaults model;
  model.settings["top_k"] = 30;
  const Settings settings(engine::SettingsJson::object(), model);
  EXPECT_EQ(origin_of(settings, "top_k"), "30, of the model");
}

TEST(SessionSettingsTest, RangesAreThoseOfTheTable) {
  Settings settings = started_with(engine::SettingsJson::object());
  EXPECT_THAT(refusal(settings, "top_p", "2"),
              AllOf(HasSubstr("top_p is 2"), HasSubstr("at most 1")));
  EXPECT_EQ(settings.resolved().sampling.top_p, 1) << "what was refused counts";
  EXPECT_THAT(refusal(settings, "temprature", "1"), HasSubstr("temperature"));
  EXPECT_THAT(refusal(settings, "n", "0"), Not(IsEmpty()));
  settings.set("max_new_tokens", "5");
  settings.set("max_length", "50");  // the later one counts
  EXPECT_EQ(settings.resolved().stopping.max_length, 50);
  EXPECT_FALSE(settings.resolved().stopping.max_new_tokens);
}

TEST(SessionSettingsTest, NoMessageRepeatsWhatIsNoNumber) {
  Settings settings = started_with(engine::SettingsJson::object());
  for (const char* name :
       {"temperature", "top_k", "Smith", "ignore_eos", "logit_bias", "early_stopping", "end_at"}) {
    const std::string message = refusal(settings, name, "Smith 1956");
    EXPECT_THAT(message, AllOf(Not(HasSubstr("Smith")), Not(IsEmpty()))) << name;
  }
}

TEST(SessionSettingsTest, TextsAndListsAreTakenAsTheyAreTyped) {
  Settings settings = started_with(engine::SettingsJson::object());
  settings.set("stop", "The end");
  EXPECT_THAT(settings.resolved().stopping.stop, ElementsAre("The end"));
  settings.set("stop", R"(["a","b c"])");
  EXPECT_THAT(settings.resolved().stopping.stop, ElementsAre("a", "b c"));
  settings.set("ignore_eos", "on");
  EXPECT_TRUE(settings.resolved().stopping.ignore_eos);
}

TEST(SessionSettingsTest, ForgettingTakesTextsBackAndLeavesNumbers) {
  Settings settings = started_with(engine::SettingsJson::object());
  settings.set("stop", "Smith");
  settings.set("top_k", "7");
  settings.forget_texts();
  EXPECT_THAT(settings.resolved().stopping.stop, IsEmpty());
  EXPECT_EQ(settings.resolved().sampling.top_k, 7);
}

TEST(SessionSettingsTest, EverySettingExplainsItself) {
  const Settings settings = started_with(engine::SettingsJson::object());
  for (const Settings::Line& line : settings.lines(true)) {
    EXPECT_THAT(settings.explanation(line.name), HasSubstr(line.name + " is ")) << line.name;
  }
  EXPECT_GT(settings.lines(true).size(), settings.lines(false).size());
}

}  // namespace
}  // namespace medgen::session
