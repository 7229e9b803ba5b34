// `medgen explain` as a user and as a program see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::vector<Json> answers(const std::string& input, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"explain", "--jsonl"};
  words.insert(words.end(), more.begin(), more.end());
  const RunResult result = run(words, {.input = input});
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<Json> all;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  return all;
}

TEST(ExplainCliTest, AnswersLinesWithTheirOwnLogitsWithoutAModel) {
  const RunOptions no_model{
      .input = R"({"prompt_ids":[0],"generated_ids":[],"logits":[2,1,0,-1],"settings":{"top_k":2}})"
               "\n",
      .environment = {{"MEDGEN_MODEL", ""}}};
  const RunResult result = run({"explain", "--jsonl"}, no_model);
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["kept"], Json::parse("[0, 1]"));
  EXPECT_NEAR(json["probs"][0].get<double>(), 0.7310585786300049, 1e-12);
  EXPECT_EQ(json["stages"][0]["name"], "top_k");
  EXPECT_EQ(json["stages"][0]["kept"], 2);
  EXPECT_NEAR(json["stages"][0]["mass"].get<double>(), 0.880797, 1e-6);
}

TEST(ExplainCliTest, BadLinesBecomeErrorsAndTheStreamGoesOn) {
  const std::string bad[] = {
      "not json",
      "[]",
      "{}",
      "",
      R"({"logits":[1,2],"settings":{"top_p":2}})",
      R"({"logits":[1,2],"settings":{"topp":0.5}})",
      R"({"logits":[null,-Infinity]})",
      R"({"logits":[1,Infinity]})",
      R"({"logits":[1,"inf"]})",
      R"({"logits":[1,2],"settings":{"top_p":-Infinity}})",
      R"({"logits":[1,2],"unconditional_logits":[null,1],"settings":{"guidance_scale":2}})",
      R"({"logits":[1,1e60]})",
      R"({"logits":[]})",
      R"({"logits":[1,NaN]})",
      R"({"prompt_ids":[5],"logits":[1,2]})",
      R"({"prompt_ids":[-1],"logits":[1,2]})",
      R"({"prompt_ids":["a"],"logits":[1,2]})",
      R"({"logits":[1,2],"settings":{"suppress_tokens":[2]}})",
      R"({"logits":[1,2],"settings":{"suppress_tokens":[0,1]}})",
      R"({"logits":[1,2],"settings":{"min_new_tokens":1}})",
      R"({"logits":[1,2],"settings":{"num_beams":2}})",
      R"({"logits":[1,2],"settings":[]})",
      R"({"logits":[1,2],"wrong":1})",
      "{\"logits\":[1,2],\"\xff\":1}",
      R"({"logits":[1,2],"settings":{"guidance_scale":2}})"};
  std::string input;
  for (const std::string& line : bad) input += line + "\n" + R"({"logits":[1,2]})" + "\n";
  const std::vector<Json> all = answers(input);
  ASSERT_EQ(all.size(), 2 * std::size(bad));
  for (std::size_t i = 0; i < std::size(bad); ++i) {
    ASSERT_TRUE(all[2 * i].contains("error")) << bad[i];
    EXPECT_TRUE(all[2 * i]["error"]["code"].is_string());
    EXPECT_GT(all[2 * i]["error"]["message"].get<std::string>().size(), 10U);
    EXPECT_EQ(all[2 * i + 1]["kept"].size(), 2U) << "after " << bad[i];
  }
}

TEST(ExplainCliTest, ATokenWithoutAnyChanceMayBeWrittenInThreeWays) {
  const std::vector<Json> all = answers(
      "{\"logits\":[2,null,0,\"-inf\",-Infinity],\"settings\":{\"top_k\":3}}\n"
      "{\"logits\":[2,0],\"settings\":{\"top_k\":3}}\n"
      "{\"logits\":[ -Infinity,2,0],\"unconditional_logits\":[null,1,0],"
      "\"settings\":{\"guidance_scale\":0.5}}\n");
  EXPECT_EQ(all[0]["kept"], Json::parse("[0,2]"));
  EXPECT_EQ(all[0]["probs"], all[1]["probs"]);
  EXPECT_EQ(all[2]["kept"], Json::parse("[1,2]"));
}

TEST(ExplainCliTest, AgreesWithTheFixtureThroughThePipe) {
  std::ifstream file(std::string(MEDGEN_FIXTURES) + "/sampling/steps.jsonl");
  std::string input;
  std::vector<Json> expected;
  for (std::string line; std::getline(file, line);) {
    expected.push_back(Json::parse(line));
    input += expected.back()["line"].dump() + "\n";
  }
  const std::vector<Json> all = answers(input);
  ASSERT_EQ(all.size(), expected.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i]["kept"], expected[i]["kept"]) << expected[i].dump();
    for (std::size_t j = 0; j < all[i]["kept"].size(); ++j) {
      ASSERT_NEAR(all[i]["probs"][j].get<double>(), expected[i]["probs"][j].get<double>(), 1e-6);
    }
  }
}

TEST(ExplainCliTest, AModelAnswersLinesThatBringNoLogits) {
  const std::vector<Json> all =
      answers(R"({"prompt_ids":[1,2],"generated_ids":[3],"settings":{"top_k":3}})"
              "\n"
              R"({"prompt_ids":[1,2],"settings":{"guidance_scale":2,"negative_prompt_ids":[4]}})"
              "\n"
              R"({"prompt_ids":[100000]})"
              "\n",
              {"--model", tiny_model()});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["kept"].size(), 3U);
  EXPECT_EQ(all[1]["stages"][0]["name"], "guidance_scale");
  EXPECT_THAT(all[2]["error"]["message"].get<std::string>(), HasSubstr("100000"));
}

TEST(ExplainCliTest, ShowsAPromptAsATableAndAsJson) {
  const RunResult table = run({"explain", "--model", tiny_model(), "--top-p", "0.5", "I feel"});
  EXPECT_EQ(table.status, 0) << table.err;
  for (const char* word : {"model", "temperature", "top_k", "top_p", "kept mass"}) {
    EXPECT_THAT(table.out, HasSubstr(word));
  }
  const RunResult json =
      run({"explain", "--json", "--model", tiny_model(), "--top-p", "0.5", "I feel"});
  const Json parsed = Json::parse(json.out);
  EXPECT_EQ(parsed["stages"].size(), 4U);
  EXPECT_EQ(parsed["kept"].size(), parsed["probs"].size());
  EXPECT_EQ(parsed["stages"].back()["kept"], parsed["kept"].size());
}

TEST(ExplainCliTest, RefusesSettingsBesideLines) {
  const RunResult result = run({"explain", "--jsonl", "--top-k", "3"}, {.input = ""});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("leave the other options out"));
}

}  // namespace
}  // namespace medgen::cli_tests
