// --never-say as a user meets it, on a tiny random model: in every command that writes texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

class NeverSayCliTest : public FolderTest {
 protected:
  static RunResult with_model(const std::string& command, const std::vector<std::string>& more) {
    std::vector<std::string> all = {command, "--model", tiny_model()};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  }
  // The texts of the record, one after another, with small letters alone.
  static std::string texts(const Json& record) {
    std::string all;
    for (const Json& completion : record["completions"]) {
      all += completion["text"].get<std::string>() + "\n";
    }
    std::transform(all.begin(), all.end(), all.begin(), [](char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return all;
  }
  // The letters that are most frequent, as `--never-say` takes them.
  static std::vector<std::string> never(const std::string& letters) {
    std::vector<std::string> words;
    for (const char letter : letters) {
      words.insert(words.end(), {"--never-say", std::string("*") + letter});
    }
    return words;
  }
  static bool says(const std::string& text, const std::string& letters) {
    return text.find_first_of(letters) != std::string::npos;
  }
};

const std::vector<std::string> kHot = {"--seed", "3", "--temperature", "1.5", "--top-k", "0"};

std::vector<std::string> joined(std::vector<std::string> words,
                                const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(NeverSayCliTest, WhatIsForbiddenIsNotSaidAndTheRecordHoldsTheList) {
  const std::vector<std::string> words = joined(kHot, {"--json", "-n", "20", "I feel ill"});
  const RunResult free = with_model("generate", words);
  ASSERT_EQ(free.status, 0) << free.err;
  EXPECT_TRUE(says(texts(Json::parse(free.out)), "eaz"));
  const RunResult bound = with_model("generate", joined(never("EAZ"), words));
  ASSERT_EQ(bound.status, 0) << bound.err;
  const Json record = Json::parse(bound.out);
  EXPECT_FALSE(says(texts(record), "eaz"));
  EXPECT_EQ(record["provenance"]["sampling"]["never_say"], Json::array({"*E", "*A", "*Z"}));
  EXPECT_FALSE(Json::parse(free.out)["provenance"]["sampling"].contains("never_say"));
  const RunResult beams =
      with_model("generate", joined(never("eaz"), {"--json", "--num-beams", "4", "I feel ill"}));
  ASSERT_EQ(beams.status, 0) << beams.err;
  EXPECT_FALSE(says(texts(Json::parse(beams.out)), "eaz"));
}

TEST_F(NeverSayCliTest, StreamedTextIsTheTextOfTheRecord) {
  const std::vector<std::string> words = joined(joined(never("eaz"), kHot), {"-n", "1", "I feel"});
  const RunResult plain = with_model("generate", words);
  const RunResult json = with_model("generate", joined({"--json"}, words));
  ASSERT_EQ(json.status, 0) << json.err;
  EXPECT_FALSE(says(plain.out.substr(std::string("I feel").size()), "z"));
  const std::string text = Json::parse(json.out)["completions"][0]["text"];
  EXPECT_THAT(plain.out, HasSubstr(text));
}

TEST_F(NeverSayCliTest, SlotsThreadsShardsAndReproduceGiveTheSameBytes) {
  const std::string in = file(
      "in.jsonl",
      prompts(20) + R"({"prompt":"My","settings":{"never_say":["*o","i"],"stop":["t"]}})" + "\n");
  const auto batch = [&](const std::string& out, const std::vector<std::string>& more) {
    const RunResult result = with_model(
        "batch",
        joined(joined(never("eas"), kHot), joined({in, "-o", path(out), "-n", "3"}, more)));
    EXPECT_EQ(result.status, 0) << result.err;
    return read(path(out));
  };
  const std::string reference = batch("reference.jsonl", {"--slots", "16", "--threads", "1"});
  for (const char* slots : {"1", "16", "64"}) {
    for (const char* threads : {"1", "2", "3"}) {
      EXPECT_EQ(batch(std::string("s") + slots + "t" + threads + ".jsonl",
                      {"--slots", slots, "--threads", threads}),
                reference)
          << slots << " slots, " << threads << " threads";
    }
  }
  const std::vector<std::string> lines = lines_of(reference);
  ASSERT_EQ(lines.size(), 21U);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_FALSE(says(texts(Json::parse(lines[i])), "eas"));
  EXPECT_FALSE(says(texts(Json::parse(lines[20])), "o")) << "a row's own list";
  EXPECT_TRUE(says(texts(Json::parse(lines[20])), "eas")) << "in place of the command's";
  batch("1.jsonl", {"--shard", "1/2"});
  batch("2.jsonl", {"--shard", "2/2"});
  EXPECT_EQ(run({"merge", path("1.jsonl"), path("2.jsonl"), "-o", path("merged.jsonl")}).status, 0);
  EXPECT_EQ(read(path("merged.jsonl")), reference);
  const RunResult again = with_model("reproduce", {path("reference.jsonl")});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
}

TEST_F(NeverSayCliTest, ASettingOfASweepGivesTheTextsOfItsBatch) {
  const std::string in = file("in.jsonl", prompts(6));
  const RunResult swept = with_model(
      "sweep", joined(kHot, {in, "-o", path("out"), "-n", "2", "--grid",
                             R"(never_say=["*e","*a","*s"],[])", "--grid", "top_p=0.9,1"}));
  ASSERT_EQ(swept.status, 0) << swept.err;
  const RunResult batch = with_model(
      "batch", joined(joined(never("eas"), kHot), {in, "-o", path("batch.jsonl"), "-n", "2"}));
  ASSERT_EQ(batch.status, 0) << batch.err;
  const std::vector<std::string> rows = lines_of(read(path("batch.jsonl")));
  std::size_t compared = 0;
  for (const std::string& line : lines_of(read(path("out/samples.jsonl")))) {
    const Json sample = Json::parse(line);
    const Json& sampling = sample["provenance"]["sampling"];
    if (!sampling.contains("never_say") || sampling["top_p"] != 1) continue;
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const std::string& other) {
      return Json::parse(other)["id"] == sample["id"];
    });
    ASSERT_NE(row, rows.end());
    EXPECT_EQ(texts(sample), texts(Json::parse(*row)));
    ++compared;
  }
  EXPECT_EQ(compared, 6U);
}

TEST_F(NeverSayCliTest, ATasksFormForbidsToo) {
  const auto templates = [&](const std::string& member) {
    return file("forms.json",
                R"({"format_version":1,"tasks":{"advice":{"prefix":"Q: ","suffix":"\nA:",)" +
                    member + R"("notice":"A notice."}}})");
  };
  const auto advice = [&](const std::string& member) {
    return with_model("generate",
                      joined(kHot, {"--json", "-n", "10", "--task", "advice", "--templates",
                                    templates(member), "--never-say", "*a", "a cold"}));
  };
  const RunResult bound = advice(R"("never_say":["*e","*z"],)");
  ASSERT_EQ(bound.status, 0) << bound.err;
  EXPECT_FALSE(says(texts(Json::parse(bound.out)), "eza"));
  EXPECT_TRUE(says(texts(Json::parse(advice("").out)), "ez"));
  const RunResult bad = advice(R"("never_say":["*"],)");
  EXPECT_EQ(bad.status, 3) << bad.err;
  EXPECT_THAT(bad.err, HasSubstr("\"never_say\" number 1 is a * alone"));
}

TEST_F(NeverSayCliTest, OpenAisFormHasNoFieldForIt) {
  const std::string in = file(
      "in.jsonl",
      R"({"custom_id":"a","method":"POST","url":"/v1/completions","body":{"prompt":"I","n":4}})"
      "\n"
      R"({"custom_id":"b","method":"POST","url":"/v1/completions",)"
      R"("body":{"prompt":"I","never_say":["secret"]}})"
      "\n");
  const RunResult result =
      with_model("batch", joined(joined(never("eaz"), kHot), {in, "-o", path("out.jsonl")}));
  EXPECT_EQ(result.status, 4) << result.err;
  const std::vector<std::string> lines = lines_of(read(path("out.jsonl")));
  ASSERT_EQ(lines.size(), 2U);
  for (const Json& choice : Json::parse(lines[0])["response"]["body"]["choices"]) {
    EXPECT_FALSE(says(choice["text"].get<std::string>(), "eazEAZ")) << "the command's list acts";
  }
  EXPECT_EQ(Json::parse(lines[1])["response"]["status_code"], 400);
  EXPECT_THAT(lines[1] + result.err, Not(HasSubstr("secret")));
}

TEST_F(NeverSayCliTest, RefusesWhatCannotBeFound) {
  const struct {
    std::string text;
    const char* says;
  } cases[] = {{"", "never-say number 2 is empty"},
               {"*", "never-say number 2 is a * alone"},
               {"secret\xEF\xBF\xBD", "never-say number 2 holds U+FFFD"}};
  for (const auto& bad : cases) {
    const RunResult result =
        with_model("generate", {"--never-say", "fine", "--never-say", bad.text, "I"});
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_THAT(result.err, Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
