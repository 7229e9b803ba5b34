// `medgen why` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/models.h"
#include "cli/process.h"
#include "needs_torch.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

const Words kAsked = {"why", "--model", tiny_model(), "--seed", "7", "--max-new-tokens", "6"};

RunResult why(const Words& more, const RunOptions& options = {}) {
  Words words = kAsked;
  words.insert(words.end(), more.begin(), more.end());
  return run(words, options);
}

Json why_json(Words more) {
  more.emplace_back("--json");
  const RunResult result = why(more);
  EXPECT_EQ(result.status, 0) << result.err;
  return Json::parse(result.out, nullptr, false);
}

TEST(WhyCliTest, TheContinuationIsTheOneThatGenerateDraws) {
  const Json json = why_json({"I feel so ill"});
  const RunResult generated = run({"generate", "--model", tiny_model(), "--seed", "7", "-n", "1",
                                   "--max-new-tokens", "6", "--json", "I feel so ill"});
  const Json record = Json::parse(generated.out);
  EXPECT_EQ(json["made_text"], record["completions"][0]["text"]);
  EXPECT_EQ(json["seed"], 7);
  double logprob = 0;
  for (const Json& target : json["targets"]) logprob += target["logprob"].get<double>();
  EXPECT_NEAR(logprob, record["completions"][0]["logprob"].get<double>(), 1e-4);
  EXPECT_THAT(json["sources"], SizeIs(4));
}

TEST(WhyCliTest, HowFarToTrustItComesFirstAndTheNoticeGoesToStandardError) {
  const RunResult result = why({"I am so ill"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("Better than random") ||
              result.out.starts_with("No better than random"))
      << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr("machine-made text"), HasSubstr("nothing about a person"),
                                Not(HasSubstr("\x1b"))));
  EXPECT_THAT(result.err, HasSubstr("machine"));
  EXPECT_THAT(why({"--color", "always", "I feel ill"}).out, HasSubstr("\x1b[38;5;16;48"));
}

// The default model: it is a bundle with TorchScript blocks.
Json why_by(const std::string& method) {
  const RunResult result =
      run({"why", "--json", "--method", method, "--compare-with", "occlusion", "--continuation",
           " It hurts when I breathe.", "I have a sharp pain in my chest since Monday"});
  EXPECT_EQ(result.status, 0) << result.err;
  return Json::parse(result.out, nullptr, false);
}

TEST(WhyCliTest, IntegratedGradientsAreCompleteAndOfTheSameTextAsOcclusion) {
  MEDGEN_NEEDS_TORCH();
  const Json json = why_by("integrated-gradients");
  EXPECT_EQ(json["method"], "integrated-gradients");
  EXPECT_EQ(json["unit"], "nats");
  EXPECT_THAT(json["sources"], SizeIs(10));
  EXPECT_LT(json["completeness_gap"].get<double>(), 0.05);
  EXPECT_TRUE(json["compared_with"]["kendall_tau_b"].is_number());
}

TEST(WhyCliTest, GradientTimesInputIsNotComplete) {
  MEDGEN_NEEDS_TORCH();
  const Json json = why_by("gradient");
  EXPECT_FALSE(json.contains("completeness_gap"));
  EXPECT_THAT(json["sources"], SizeIs(10));
}

TEST(WhyCliTest, RolloutSaysThatAttentionIsNoExplanation) {
  const Json json = why_by("rollout");
  EXPECT_EQ(json["unit"], "share of attention");
  for (const Json& target : json["influence"]) EXPECT_THAT(target, Each(Ge(0.0)));
  const RunResult shown = why({"--method", "rollout", "I feel so ill"});
  EXPECT_THAT(shown.out, HasSubstr("Attention says where a"));
}

TEST(WhyCliTest, AGivenContinuationIsAskedAbout) {
  const RunResult result = run(
      {"why", "--model", tiny_model(), "--json", "--continuation", " and cold", "I feel so ill"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["made_text"], " and cold");
  EXPECT_EQ(json["made_text_was"], "given");
  EXPECT_FALSE(json.contains("seed"));
  EXPECT_THAT(json["targets"], SizeIs(2));
  EXPECT_THAT(run({"why", "--model", tiny_model(), "--continuation", "and", "I feel so ill"}).err,
              HasSubstr("begins without a blank"));
}

TEST(WhyCliTest, ARecordIsAskedAboutWithItsOwnTokens) {
  const std::string input = (scratch() / "why_rows.jsonl").string();
  const std::string output = (scratch() / "why_out.jsonl").string();
  write(input, "{\"id\":\"a\",\"prompt\":\"I feel ill\"}\n{\"id\":\"b\",\"prompt\":\"So cold\"}\n");
  ASSERT_EQ(run({"batch", input, "-o", output, "--model", tiny_model(), "--seed", "3", "-n", "2",
                 "--max-new-tokens", "5"})
                .status,
            0);
  const auto asked = [&](const Words& more) {
    Words words = {"why", "--model", tiny_model(), "--json", "--record", output};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const RunResult second = asked({"--id", "b", "--sample", "2"});
  ASSERT_EQ(second.status, 0) << second.err;
  const Json json = Json::parse(second.out);
  const Json record = Json::parse(lines_of(read(output)).at(1));
  EXPECT_EQ(json["made_text"], record["completions"][1]["text"]);
  EXPECT_EQ(json["made_text_was"], "recorded");
  EXPECT_THAT(asked({}).err, HasSubstr("choose one by its --id"));
  EXPECT_THAT(asked({"--id", "c"}).err, HasSubstr("0 of the 2 records"));
  EXPECT_THAT(asked({"--id", "b", "--sample", "3"}).err, HasSubstr("has 2 texts"));
  EXPECT_EQ(asked({}).status, 2);
}

TEST(WhyCliTest, PartsInBracketsAndInAFileAreTheSame) {
  const Json marked = why_json({"--by", "span", "I [feel so] ill [today]"});
  write(scratch() / "spans.txt", "feel so\ntoday\n");
  const Json listed =
      why_json({"--spans", (scratch() / "spans.txt").string(), "I feel so ill today"});
  EXPECT_THAT(marked["sources"], SizeIs(2));
  EXPECT_EQ(marked["sources"][0]["text"], "feel so");
  EXPECT_EQ(marked["influence"], listed["influence"]);
  EXPECT_THAT(why({"--by", "span", "I [feel"}).err, HasSubstr("is not closed"));
}

TEST(WhyCliTest, MethodsAndWaysOfTakingOutDiffer) {
  const Words text = {"I ail. So do we. Ah"};
  const auto with = [&](Words more) {
    more.insert(more.end(), text.begin(), text.end());
    return why_json(more);
  };
  const Json out = with({"--by", "sentence"}), replaced = with({"--by", "sentence", "--replace"});
  const Json shapley = with({"--method", "shapley", "--compare-with", "occlusion"});
  EXPECT_THAT(out["sources"], SizeIs(3));
  EXPECT_EQ(out["made_text"], replaced["made_text"]);
  EXPECT_NE(out["sums"], replaced["sums"]);
  EXPECT_EQ(shapley["parts"], "sentence");
  EXPECT_NE(shapley["sums"], out["sums"]);
  EXPECT_EQ(shapley["compared_with"]["sums"], out["sums"]);
  EXPECT_TRUE(shapley["compared_with"]["kendall_tau_b"].is_number());
}

TEST(WhyCliTest, EarlierWordsAndContrastsAreAskedFor) {
  const Json json = why_json({"--include-generated", "I feel so ill"});
  EXPECT_EQ(json["sources"].size(), 4 + json["targets"].size());
  const RunResult asked = run({"why", "--model", tiny_model(), "--json", "--continuation", " cold",
                               "--instead", "warm", "I feel so"});
  ASSERT_EQ(asked.status, 0) << asked.err;
  const Json contrast = Json::parse(asked.out);
  EXPECT_THAT(contrast["targets"], SizeIs(1));
  EXPECT_TRUE(contrast["targets"][0].contains("difference"));
  EXPECT_THAT(run({"why", "--model", tiny_model(), "--continuation", " cold", "--instead", "cold",
                   "I feel so"})
                  .err,
              HasSubstr("name another one"));
}

TEST(WhyCliTest, ThePageIsOneFileWithoutAScript) {
  const std::string file = (scratch() / "why.html").string();
  const RunResult result = why({"--html", file, "I feel so ill"});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string page = read(file);
  EXPECT_THAT(page, AllOf(HasSubstr("Why these words"), HasSubstr("tabindex=\"0\""),
                          Not(HasSubstr("<script")), Not(HasSubstr("http://"))));
}

TEST(WhyCliTest, ThreadsAndSlotsChangeNothing) {
  const Words text = {"--include-generated", "--method", "occlusion", "I feel so ill and cold"};
  Words one = text;
  one.insert(one.begin(), {"--threads", "1"});
  EXPECT_EQ(why_json(one), why_json(text));
}

TEST(WhyCliTest, ATextThatIsTooLongIsCutWhereThatIsAsked) {
  const std::string text = "I have been so ill for many days that I cannot say";
  EXPECT_THAT(why({text}).err, HasSubstr("--truncate-prompt"));
  const RunResult cut = why({"--truncate-prompt", text});
  EXPECT_EQ(cut.status, 0) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("tokens were dropped"));
}

TEST(WhyCliTest, WhatDoesNotFitTogetherIsRefusedByName) {
  const struct {
    Words words;
    std::string said;
  } cases[] = {
      {{"-n", "2", "I feel"}, "-n"},
      {{"--id", "3", "I feel"}, "--record"},
      {{"--method", "shapley", "--include-generated", "I feel"}, "--include-generated"},
      {{"--instead", "two words", "I feel"}, "without blanks"},
      {{"--instead", "cold", "--include-generated", "I feel"}, "--include-generated"},
      {{"--compare-with", "occlusion", "I feel"}, "--compare-with"},
      {{"--continuation", " x", "--top-k", "3", "I feel"}, "--top-k"},
      {{"--draws", "3", "I feel"}, "draws is 3"},
      {{"--permutations", "1", "I feel"}, "permutations is 1"},
      {{"--spans", "/nowhere", "--by", "word", "I feel"}, "--spans"},
      {{"--by", "span", "--prompt-ids", "[40,41]"}, "--spans"},
      {{"--continuation", "", "I feel"}, "made no text"},
      {{"--max-new-tokens", "6", ""}, "no words"},
      {{"--method", "guess", "I feel"}, "occlusion"},
      {{"--steps", "20", "I feel"}, "--steps"},
      {{"--permutations", "20", "I feel"}, "--permutations"},
      {{"--method", "gradient", "--instead", "cold", "I feel"}, "--instead"},
      {{"--method", "rollout", "--backend", "torchscript", "I feel"}, "--method"},
  };
  for (const auto& one : cases) {
    Words words = one.words;
    const bool given = std::find(words.begin(), words.end(), "--continuation") != words.end();
    Words command = given ? Words{"why", "--model", tiny_model()} : kAsked;
    if (words.front() == "--max-new-tokens") command.resize(5);
    command.insert(command.end(), words.begin(), words.end());
    const RunResult result = run(command);
    EXPECT_EQ(result.status, 2) << one.said << result.out;
    EXPECT_THAT(result.err, HasSubstr(one.said));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
