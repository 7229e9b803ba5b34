// The record in a checkpoint may come from elsewhere: what it lacks or says in another way is
// damage, whatever it is.
#include "train/training_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "medgen/error.h"

namespace medgen::train {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using json = nlohmann::ordered_json;

class NoDocuments : public corpus::TokenDocuments {
 public:
  std::size_t size() const override { return 0; }
  double weight(std::size_t) const override { return 1; }
  TokenId eos() const override { return 0; }
  void append(std::size_t, std::vector<TokenId>&) const override {}
  std::uint64_t bytes() const override { return 0; }
};

class TrainingRecordTest : public ::testing::Test {
 protected:
  TrainingRecordTest() {
    data_.window = 32;
    data_.main = {std::make_shared<NoDocuments>(), "sum"};
  }

  TrainingRecord record() const { return {options_, data_, {{"threads", 1}}}; }

  std::string refusal(const std::string& text) const {
    try {
      record().go_on(text, 3);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  TrainOptions options_;
  TrainingData data_;
};

TEST_F(TrainingRecordTest, ItsOwnTextIsGoneOnFromWithoutANote) {
  TrainingRecord made = record();
  EXPECT_THAT(made.go_on(record().text(), 3), IsEmpty());
}

TEST_F(TrainingRecordTest, WhatItLacksOrSaysOtherwiseIsDamage) {
  const json whole = json::parse(record().text());
  for (const auto& [name, value] : whole.items()) {
    if (name == "format_version" || name == "medgen") continue;  // nothing depends on them
    json lacking = whole;
    lacking.erase(name);
    EXPECT_THAT(refusal(lacking.dump()), HasSubstr("is damaged")) << name;
    for (const json& other : {json(7), json("text"), json::array({1, 2})}) {
      if (name == "history" && other.is_array()) continue;
      json changed = whole;
      changed[name] = other;
      EXPECT_THAT(refusal(changed.dump()), HasSubstr("is damaged")) << name << " " << other;
    }
  }
  for (const char* text : {"7", "[]", "null", "{", "{\"history\": []}"}) {
    EXPECT_THAT(refusal(text), HasSubstr("is damaged")) << text;
  }
}

// Companion: what is said of a setting is no damage.
TEST_F(TrainingRecordTest, AnotherSettingIsNamed) {
  json changed = json::parse(record().text());
  changed["settings"]["window"] = 64;
  EXPECT_THAT(refusal(changed.dump()), HasSubstr("window was 64 and is 32 now"));
}

}  // namespace
}  // namespace medgen::train
