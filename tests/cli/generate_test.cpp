// `medgen generate` as a user sees it, on a tiny random model: output, determinism, JSON, where
// options come from. Knows nothing of how text is made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

const std::string kPrompt = "I feel ill";

std::vector<std::string> words(std::vector<std::string> more) {
  std::vector<std::string> all = {"generate", "--model", tiny_model()};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

RunResult generate(const std::vector<std::string>& more, const RunOptions& options = {}) {
  return run(words(more), options);
}

Json generate_json(std::vector<std::string> more, const RunOptions& options = {}) {
  more.emplace_back("--json");
  const RunResult result = generate(more, options);
  EXPECT_EQ(result.status, 0) << result.err;
  return Json::parse(result.out, nullptr, false);
}

int seed_of(const Json& json) { return json["provenance"]["seed"].get<int>(); }
Json sampling_of(const Json& json) { return json["provenance"]["sampling"]; }

TEST(GenerateCliTest, PrintsThreeBlocksAndTheNotice) {
  const RunResult result = generate({"--seed", "1", kPrompt});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("Generated #1: " + kPrompt));
  EXPECT_THAT(result.out, HasSubstr("\n\nGenerated #2: " + kPrompt));
  EXPECT_THAT(result.out, HasSubstr("\n\nGenerated #3: " + kPrompt));
  EXPECT_THAT(result.out, Not(HasSubstr("Generated #4")));
  EXPECT_EQ(result.out.back(), '\n');
  EXPECT_THAT(result.err, HasSubstr("not for emergencies"));
  EXPECT_THAT(result.err, Not(HasSubstr(kPrompt)));
}

TEST(GenerateCliTest, IsTheCommandWhenNoneIsNamed) {
  const RunResult named = generate({"--seed", "1", kPrompt});
  const RunResult first = run({"--seed", "1", "--model", tiny_model(), kPrompt});
  const RunResult text_first = run({kPrompt, "--seed", "1", "--model", tiny_model()});
  EXPECT_EQ(first.out, named.out);
  EXPECT_EQ(text_first.out, named.out);
}

TEST(GenerateCliTest, TakesACommandsNameAsTextWhenNamed) {
  const Json json = generate_json({"--seed", "1", "inspect"});
  EXPECT_EQ(json["prompt"], "inspect");
}

TEST(GenerateCliTest, SameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const RunResult one = generate({"--seed", "1", kPrompt});
  EXPECT_EQ(generate({"--seed", "1", kPrompt}).out, one.out);
  EXPECT_NE(generate({"--seed", "2", kPrompt}).out, one.out);
}

TEST(GenerateCliTest, OneContinuationEqualsTheFirstOfThree) {
  const Json three = generate_json({"--seed", "1", kPrompt});
  const Json one = generate_json({"--seed", "1", "-n", "1", kPrompt});
  ASSERT_EQ(three["completions"].size(), 3U);
  ASSERT_EQ(one["completions"].size(), 1U);
  EXPECT_EQ(one["completions"][0]["text"], three["completions"][0]["text"]);
  EXPECT_NE(three["completions"][0]["text"], three["completions"][1]["text"]);
}

TEST(GenerateCliTest, SeedThatWasDrawnRepeatsTheRun) {
  const RunResult drawn = generate({kPrompt});
  const std::size_t at = drawn.err.find("--seed ");
  ASSERT_NE(at, std::string::npos) << drawn.err;
  const std::string seed = drawn.err.substr(at + 7, drawn.err.find(')', at) - at - 7);
  EXPECT_EQ(generate({"--seed", seed, kPrompt}).out, drawn.out);
}

TEST(GenerateCliTest, JsonHoldsWhatIsPromisedInOrder) {
  const RunResult result =
      generate({"--seed", "18446744073709551615", "--json", "--stop", "zzz", kPrompt});
  ASSERT_EQ(result.out.find('\n'), result.out.size() - 1) << "one line";
  const Json json = Json::parse(result.out);
  std::vector<std::string> keys;
  for (const auto& item : json.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"id", "format", "prompt", "completions", "provenance",
                                            "generated", "notice"}));
  const Json& provenance = json["provenance"];
  EXPECT_EQ(provenance["model"]["name"], "tiny");
  EXPECT_EQ(provenance["model"]["sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(provenance["seed"], "18446744073709551615");
  EXPECT_EQ(provenance["sampling"]["temperature"], 0.7);
  EXPECT_EQ(provenance["sampling"]["stop"], Json::array({"zzz"}));
  EXPECT_EQ(json["generated"], true);
  for (const Json& completion : json["completions"]) {
    EXPECT_LT(completion["logprob"], 0);
    EXPECT_GT(completion["num_tokens"], 0);
    EXPECT_TRUE(completion["text"].is_string());
  }
}

TEST(GenerateCliTest, QuietLeavesTheShortNoticeWithTextAndNothingWithJson) {
  EXPECT_EQ(generate({"--quiet", "--json", kPrompt}).err, "");
  const std::string err = generate({"--quiet", kPrompt}).err;
  EXPECT_THAT(err, HasSubstr("Research use only"));
  EXPECT_EQ(err.find('\n'), err.size() - 1) << err;
}

TEST(GenerateCliTest, GreedyGivesOneAndTheSameForEverySeed) {
  const Json json = generate_json({"--greedy", "--seed", "1", kPrompt});
  EXPECT_EQ(json["completions"].size(), 1U);
  EXPECT_EQ(generate_json({"--temperature", "0", "--seed", "2", kPrompt})["completions"],
            json["completions"]);
  EXPECT_EQ(generate({"--greedy", "-n", "2", kPrompt}).status, 2);
}

TEST(GenerateCliTest, StopEndsBeforeTheText) {
  const Json whole = generate_json({"--greedy", "--max-new-tokens", "12", kPrompt});
  const std::string text = whole["completions"][0]["text"];
  std::size_t at = 1;  // a plain character, so that it is a valid stop string by itself
  while (at < text.size() && (text[at] < '!' || text[at] > '~')) ++at;
  if (at >= text.size()) GTEST_SKIP() << "the model's greedy text holds no plain character";
  const std::string stop = text.substr(at, 1);
  const Json cut = generate_json(
      {"--greedy", "--max-new-tokens", "12", "--stop", "never so", "--stop", stop, kPrompt});
  EXPECT_EQ(cut["completions"][0]["text"], text.substr(0, text.find(stop)));
  EXPECT_EQ(cut["completions"][0]["finish_reason"], "stop");
}

TEST(GenerateCliTest, LengthLimitsAreReported) {
  const Json few = generate_json({"--seed", "3", "--max-new-tokens", "2", kPrompt});
  EXPECT_LE(few["completions"][0]["num_tokens"], 2);
  EXPECT_EQ(sampling_of(few)["max_new_tokens"], 2);
  EXPECT_FALSE(sampling_of(few).contains("max_length"));
}

TEST(GenerateCliTest, PromptComesFromAPipeOrAFile) {
  const Json argument = generate_json({"--seed", "1", kPrompt});
  EXPECT_EQ(generate_json({"--seed", "1"}, {.input = kPrompt + "\n"}), argument);
  const auto file = scratch() / "prompt.txt";
  write(file, kPrompt + "\n");
  EXPECT_EQ(generate_json({"--seed", "1", "--prompt-file", file.string()}), argument);
  EXPECT_EQ(generate_json({"--seed", "1", "--prompt-file", "-"}, {.input = kPrompt}), argument);
  EXPECT_EQ(generate_json({"--seed", "1"}, {.input = kPrompt + "\n\n"})["prompt"], kPrompt + "\n");
}

TEST(GenerateCliTest, EmptyPromptStartsFromASpecialTokenAndSaysSo) {
  const RunResult result = generate({"--seed", "1", ""});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("the prompt is empty: starting from"));
}

TEST(GenerateCliTest, EnvironmentAndConfigFileSetOptionsInOrderOfRank) {
  const auto config = scratch() / "medgen.ini";
  write(config, "# mine\nseed = 11\ntemperature = 0.25\nnum-return-sequences = 1\n");
  RunOptions options;
  options.environment = {{"MEDGEN_CONFIG", config.string()}, {"MEDGEN_SEED", "12"}};
  const Json json = generate_json({kPrompt}, options);
  EXPECT_EQ(seed_of(json), 12);
  EXPECT_EQ(sampling_of(json)["temperature"], 0.25);
  EXPECT_EQ(json["completions"].size(), 1U);
  EXPECT_EQ(seed_of(generate_json({"--seed", "13", kPrompt}, options)), 13);
  EXPECT_EQ(seed_of(generate_json({"--config", config.string(), kPrompt})), 11);
}

TEST(GenerateCliTest, EnvironmentNamesTheModel) {
  const RunResult result =
      run({"--json", kPrompt}, {.environment = {{"MEDGEN_MODEL", tiny_model()}}});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["provenance"]["model"]["name"], "tiny");
}

TEST(GenerateCliTest, TruncatesALongPromptWhenAsked) {
  const std::string prompt = std::string(100, 'x') + " the end";
  const RunResult result = generate({"--seed", "1", "--truncate-prompt", "--json", prompt});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("tokens were dropped"));
  EXPECT_EQ(Json::parse(result.out)["prompt"], prompt);
}

TEST(GenerateCliTest, DefaultModelAnswersTheExampleOfTheReadme) {
  if (!std::filesystem::exists(std::filesystem::path(MEDGEN_DEFAULT_MODEL) / "manifest.json")) {
    GTEST_SKIP() << "there is no default model";
  }
  const std::vector<std::string> command = {"generate", "--seed", "1",
                                            "I feel that I have a fever and cough."};
  const RunResult result = run(command);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Generated #3: I feel that I have a fever and cough."));
  EXPECT_EQ(run(command).out, result.out);
}

}  // namespace
}  // namespace medgen::cli_tests
