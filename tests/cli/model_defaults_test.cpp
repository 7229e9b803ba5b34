// What a model's generation_config.json sets, as a user of each command sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

// The tiny checkpoint with these files changed, converted.
RunResult convert(const std::string& name, const std::string& generation, const Json& config = {}) {
  const fs::path folder = scratch() / (name + "-checkpoint");
  fs::copy(checkpoint("gelu_new_odd_head"), folder, fs::copy_options::recursive);
  if (!generation.empty()) write(folder / "generation_config.json", generation);
  Json whole = Json::parse(read(folder / "config.json"));
  for (const auto& [key, value] : config.items()) whole[key] = value;
  write(folder / "config.json", whole.dump());
  return run({"convert", folder.string(), (scratch() / name).string(), "--tokenizer",
              checkpoint_tokenizer().string()});
}

RunResult generate(const std::string& name, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {
      "generate", "--model", (scratch() / name).string(), "--seed", "1", "--json", "I feel ill"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

Json sampling(const RunResult& result) {
  EXPECT_EQ(result.status, 0) << result.err;
  return Json::parse(result.out, nullptr, false)["provenance"]["sampling"];
}

TEST(ModelDefaultsCliTest, AConvertedModelGivesWhatItsOptionsWould) {
  const std::string name = "defaults-beams";
  ASSERT_EQ(convert(name, R"({"num_beams": 3, "num_return_sequences": 2, "length_penalty": 0.5,
                              "repetition_penalty": 1.8, "bad_words_ids": [[13]],
                              "eos_token_id": [276, 40], "max_new_tokens": 6})")
                .status,
            0);
  const RunResult by_model = generate(name);
  EXPECT_EQ(by_model.err.find("generation_config"), std::string::npos) << by_model.err;
  const Json settings = sampling(by_model);
  EXPECT_EQ(settings["num_beams"], 3);
  EXPECT_EQ(settings["num_return_sequences"], 2);
  EXPECT_EQ(settings["eos_token_id"], Json::parse("[276, 40]"));
  const RunResult by_options = run({"generate",   "--model",
                                    tiny_model(), "--seed",
                                    "1",          "--json",
                                    "I feel ill", "--num-beams",
                                    "3",          "-n",
                                    "2",          "--length-penalty",
                                    "0.5",        "--repetition-penalty",
                                    "1.8",        "--bad-words",
                                    "[13]",       "--eos-token-id",
                                    "[276, 40]",  "--max-new-tokens",
                                    "6"});
  EXPECT_EQ(Json::parse(by_model.out)["completions"], Json::parse(by_options.out)["completions"]);

  // An option wins; what it turns off takes along what is about it.
  EXPECT_FALSE(sampling(generate(name, {"--num-beams", "1"})).contains("length_penalty"));
  EXPECT_EQ(sampling(generate(name, {"--length-penalty", "2"}))["length_penalty"], 2);
  const RunResult refused = generate(name, {"--temperature", "0.8"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("num-beams is 3"),
                                 HasSubstr("the model's generation_config.json sets num_beams")));

  const fs::path rows = scratch() / "defaults-rows.jsonl";
  write(rows, R"({"id": "a", "prompt": "I feel ill"})");
  const RunResult batch = run(
      {"batch", rows.string(), "-o", "-", "--model", (scratch() / name).string(), "--seed", "1"});
  EXPECT_EQ(sampling(batch), settings);
  const RunResult explained =
      run({"explain", "--model", (scratch() / name).string(), "--json", "I feel ill"});
  ASSERT_EQ(explained.status, 0) << explained.err;
  EXPECT_EQ(Json::parse(explained.out)["settings"]["repetition_penalty"], 1.8);
}

TEST(ModelDefaultsCliTest, InspectShowsWhatSetsEachDefault) {
  const std::string name = "defaults-inspected";
  ASSERT_EQ(convert(name, R"({"do_sample": false, "repetition_penalty": 1.3})").status, 0);
  const auto defaults = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"inspect", (scratch() / name).string(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out)["defaults"];
  };
  const Json plain = defaults({});
  EXPECT_EQ(plain["temperature"], Json::parse(R"({"value": 0.0, "from": "model"})"));
  EXPECT_EQ(plain["repetition_penalty"]["from"], "model");
  EXPECT_EQ(plain["top_k"], Json::parse(R"({"value": 50, "from": "medgen"})"));
  EXPECT_EQ(plain["eos_token_id"]["from"], "medgen");
  const Json asked = defaults({"--temperature", "0.4", "--repetition-penalty", "1"});
  EXPECT_EQ(asked["temperature"], Json::parse(R"({"value": 0.4, "from": "option"})"));
  EXPECT_FALSE(asked.contains("repetition_penalty"));
  EXPECT_THAT(run({"inspect", (scratch() / name).string()}).out,
              AllOf(HasSubstr("repetition_penalty"), HasSubstr("1.3"), HasSubstr("model")));
}

TEST(ModelDefaultsCliTest, WhatIsNotDoneIsNamedOnceAndNeverWhereItIsOff) {
  const std::string name = "defaults-named";
  const RunResult converted =
      convert(name, R"({"penalty_alpha": 0.6, "num_beam_groups": 1, "strange_key": 1})");
  ASSERT_EQ(converted.status, 0) << converted.err;
  for (const RunResult& result : {converted, generate(name)}) {
    EXPECT_THAT(result.err, AllOf(HasSubstr("penalty_alpha (contrastive search)"),
                                  HasSubstr("strange_key"), Not(HasSubstr("num_beam_groups"))));
    const std::size_t first = result.err.find("penalty_alpha");
    EXPECT_EQ(result.err.find("penalty_alpha", first + 1), std::string::npos) << result.err;
  }
  EXPECT_THAT(generate(name, {"--quiet"}).err, Not(HasSubstr("penalty_alpha")));
}

TEST(ModelDefaultsCliTest, AnOldFoldersConfigSetsThem) {
  const std::string name = "defaults-old";
  const RunResult converted = convert(
      name, "", {{"repetition_penalty", 1.4}, {"eos_token_id", {276, 41}}, {"max_length", 20}});
  ASSERT_EQ(converted.status, 0) << converted.err;
  const Json settings = sampling(generate(name));
  EXPECT_EQ(settings["repetition_penalty"], 1.4);
  EXPECT_EQ(settings["eos_token_id"], Json::parse("[276, 41]"));
  EXPECT_EQ(settings["max_length"], 150);  // 20 is transformers' default, and says nothing

  const RunResult both = convert("defaults-both", R"({"top_k": 3})", {{"repetition_penalty", 1.4}});
  EXPECT_THAT(both.err, HasSubstr("config.json sets repetition_penalty otherwise"));
  EXPECT_FALSE(sampling(generate("defaults-both")).contains("repetition_penalty"));
}

TEST(ModelDefaultsCliTest, AValueThatIsNotAllowedIsRefusedAndNothingIsLeft) {
  const RunResult result = convert("defaults-bad", R"({"top_p": 1.5})");
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, AllOf(HasSubstr("generation_config.json: top_p is 1.5"),
                                HasSubstr("above 0 and at most 1")));
  EXPECT_FALSE(fs::exists(scratch() / "defaults-bad"));
}

}  // namespace
}  // namespace medgen::cli_tests
