// Decoding settings of `medgen generate` as a user sees them, on a tiny random model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

RunResult generate(std::vector<std::string> more, const RunOptions& options = {}) {
  std::vector<std::string> words = {"generate", "--model", tiny_model(), "--seed", "1"};
  words.insert(words.end(), more.begin(), more.end());
  words.emplace_back("I feel ill");
  return run(words, options);
}

Json generate_json(std::vector<std::string> more) {
  more.emplace_back("--json");
  const RunResult result = generate(more);
  EXPECT_EQ(result.status, 0) << result.err;
  return Json::parse(result.out, nullptr, false);
}

TEST(SamplingCliTest, EveryRecordHoldsTheOrderAndTheSettings) {
  const Json sampling =
      generate_json({"--min-p", "0.1", "--sampler-order", "vllm"})["provenance"]["sampling"];
  EXPECT_EQ(sampling["sampler_order"], "vllm");
  EXPECT_EQ(sampling["min_p"], 0.1);
  EXPECT_EQ(generate_json({})["provenance"]["sampling"]["sampler_order"], "hf");
}

TEST(SamplingCliTest, SettingsThatKeepTheSameTokensGiveTheSameText) {
  const auto texts = [](const std::vector<std::string>& more) {
    const Json json = generate_json(more);
    return json["completions"];
  };
  const Json all = texts({"--top-k", "0"});
  EXPECT_EQ(texts({"--top-k", "300"}), all);
  EXPECT_EQ(texts({"--top-k", "0", "--min-p", "1e-30"}), all);
  EXPECT_NE(texts({"--top-k", "3"}), all);
}

TEST(SamplingCliTest, BeamsComeBestFirstWithTheirScores) {
  const Json json = generate_json({"--num-beams", "4", "-n", "3", "--max-new-tokens", "5"});
  ASSERT_EQ(json["completions"].size(), 3U);
  EXPECT_GE(json["completions"][0]["beam_score"], json["completions"][1]["beam_score"]);
  EXPECT_GE(json["completions"][1]["beam_score"], json["completions"][2]["beam_score"]);
}

TEST(SamplingCliTest, LogprobsComeInJsonAndInColour) {
  const Json json = generate_json({"-n", "1", "--logprobs", "2", "--max-new-tokens", "4"});
  const Json tokens = json["completions"][0]["logprobs"];
  ASSERT_EQ(tokens.size(), 4U);
  for (const Json& token : tokens) {
    EXPECT_LE(token["logprob"], 0);
    EXPECT_EQ(token["top"].size(), 2U);
    EXPECT_GT(token["entropy"], 0);
  }
  const RunResult colour =
      generate({"-n", "1", "--logprobs", "2", "--max-new-tokens", "4", "--color", "always"});
  EXPECT_THAT(colour.out, AllOf(HasSubstr("\x1b[3"), HasSubstr("entropy")));
}

TEST(SamplingCliTest, RefusesContradictionsAndUnknownWords) {
  const std::vector<std::vector<std::string>> bad = {{"--num-beams", "4", "--temperature", "0.7"},
                                                     {"--num-beams", "2", "-n", "3"},
                                                     {"--num-beams", "4", "--top-p", "0.9"},
                                                     {"--sampler-order", "hugging"},
                                                     {"--mirostat", "2", "--top-k", "4"},
                                                     {"--suppress-tokens", "[100000]"},
                                                     {"--logit-bias", "{"},
                                                     {"--top-h", "2"},
                                                     {"--length-penalty", "2"},
                                                     {"--end-at", "word"}};
  for (const auto& words : bad) {
    const RunResult result = generate(words);
    EXPECT_EQ(result.status, 2) << words[0] << " " << words[1];
    EXPECT_EQ(result.out, "");
  }
}

TEST(SamplingCliTest, HelpListsEverySetting) {
  const RunResult help = run({"generate", "--help"});
  for (const char* flag : {"--min-p", "--typical-p", "--dry-multiplier", "--num-beams",
                           "--logprobs", "--bad-words", "--stop-on-loop", "--sampler-order"}) {
    EXPECT_THAT(help.out, HasSubstr(flag));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
