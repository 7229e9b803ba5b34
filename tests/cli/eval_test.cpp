// `medgen eval` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& name, const std::string& content) {
  write(scratch() / name, content);
  return (scratch() / name).string();
}

std::string some_text() {
  return file("eval.jsonl",
              "{\"source\": \"A\", \"text\": \"the fever and the cough went on for some days\"}\n"
              "{\"source\": \"B\", \"text\": \"short\"}\n"
              "{\"source\": \"A\", \"text\": \"a rash on both arms and hands\"}\n");
}

nlohmann::json evaluate(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"eval", "--model", tiny_model(), "--json"};
  words.insert(words.end(), more.begin(), more.end());
  const RunResult result = run(words);
  EXPECT_EQ(result.status, 0) << result.err;
  return nlohmann::json::parse(result.out, nullptr, false);
}

TEST(EvalCliTest, JsonHasWhatItPromises) {
  const auto json = evaluate({"--data", some_text()});
  for (const char* key : {"bits_per_byte", "perplexity", "tokens", "bytes", "by_source"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["bytes"], 45 + 5 + 29);
  EXPECT_EQ(json["stride"], 12);
  EXPECT_EQ(json["by_source"]["A"]["documents"], 2);
  const double nats = std::log(json["perplexity"].get<double>()) * json["tokens"].get<double>();
  EXPECT_NEAR(json["bits_per_byte"].get<double>(),
              nats / std::log(2.0) / json["bytes"].get<double>(), 1e-9);
  // A random model is about as good as guessing among its 300 ids.
  EXPECT_NEAR(std::log(json["perplexity"].get<double>()), std::log(300.0), 1.5);
}

TEST(EvalCliTest, StrideWindowsAndLimitMatter) {
  const auto half = evaluate({"--data", some_text()});
  const auto one = evaluate({"--data", some_text(), "--stride", "1"});
  const auto packed = evaluate({"--data", some_text(), "--windows", "packed"});
  const auto limited = evaluate({"--data", some_text(), "--limit", "1"});
  EXPECT_EQ(one["tokens"], half["tokens"]);
  EXPECT_NE(one["perplexity"], half["perplexity"]);
  EXPECT_EQ(packed["tokens"].get<int>(), half["tokens"].get<int>() + 3);  // ends of documents
  EXPECT_EQ(limited["documents"], 1);
}

TEST(EvalCliTest, PrintsTables) {
  const RunResult result = run({"eval", "--model", tiny_model(), "--data", some_text()});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("windows of 24 tokens, stride 12"));
  EXPECT_THAT(result.out, HasSubstr("  A\n"));
}

TEST(EvalCliTest, ScoresChoices) {
  const std::string item =
      R"({"prompt": "p q", "choices": ["a", "b b"], "answer": 1, "type": "t"})";
  const auto json = evaluate({"--choices", file("choices.jsonl", item + "\n" + item + "\n")});
  for (const char* key : {"accuracy", "accuracy_normalized", "chance", "items"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["chance"], 0.5);
  EXPECT_EQ(json["items"], 2);
  EXPECT_EQ(json["by_type"]["t"]["items"], 2);
}

std::string some_choices() {
  std::string lines;
  for (int i = 0; i < 6; ++i) {
    lines += R"({"prompt": "p )" + std::to_string(i) + R"(", "choices": ["a", "b b"], "answer": )" +
             std::to_string(i % 2) + "}\n";
  }
  return file("six-choices.jsonl", lines);
}

TEST(EvalCliTest, PerplexityOfWordsAndBytesIsOfTheSameNats) {
  const auto json = evaluate({"--data", some_text()});
  EXPECT_EQ(json["words"], 10 + 1 + 7);
  const double nats = std::log(json["perplexity"].get<double>()) * json["tokens"].get<double>();
  EXPECT_NEAR(std::log(json["word_perplexity"].get<double>()) * 18, nats, 1e-6);
  EXPECT_NEAR(std::log(json["byte_perplexity"].get<double>()) * 79, nats, 1e-6);
}

TEST(EvalCliTest, ItemsHaveEveryLogProbabilityAndNoText) {
  const std::string items = (scratch() / "items.jsonl").string();
  const auto json =
      evaluate({"--data", some_text(), "--choices", some_choices(), "--items", items});
  std::istringstream lines(read(items));
  double sum = 0, right = 0;
  int documents = 0, number = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, ::testing::Not(HasSubstr("fever")));
    const auto item = nlohmann::json::parse(line);
    if (item.contains("document")) {
      EXPECT_EQ(item["document"], ++documents);
      sum += item["logprob"].get<double>();
      continue;
    }
    EXPECT_EQ(item["item"], ++number);
    const auto logprobs = item["logprobs"].get<std::vector<double>>();
    ASSERT_EQ(logprobs.size(), 2U);
    EXPECT_EQ(item["chosen"], logprobs[1] > logprobs[0] ? 1 : 0);
    right += item["chosen"] == item["answer"] ? 1 : 0;
  }
  EXPECT_EQ(documents, 3);
  EXPECT_EQ(number, 6);
  EXPECT_EQ(json["accuracy"].get<double>(), right / 6);
  EXPECT_NEAR(-sum, std::log(json["perplexity"].get<double>()) * json["tokens"].get<double>(),
              1e-6);
}

TEST(EvalCliTest, ShotsChangeWhatTheModelReads) {
  const auto logprobs = [](const std::vector<std::string>& more) {
    const std::string items = (scratch() / "shot-items.jsonl").string();
    std::vector<std::string> words = {"--choices", some_choices(),  "--items",
                                      items,       "--choice-form", "{prompt}{choice}"};
    words.insert(words.end(), more.begin(), more.end());
    evaluate(words);
    return read(items);
  };
  const std::string none = logprobs({});
  EXPECT_EQ(logprobs({"--shots", "0"}), none);
  const std::string two = logprobs({"--shots", "2"});
  EXPECT_NE(two, none);
  EXPECT_EQ(logprobs({"--shots", "2"}), two);
  EXPECT_NE(logprobs({"--shots", "2", "--seed", "5"}), two);
}

TEST(EvalCliTest, ComparesTwoModelsOnTheSameData) {
  const auto same =
      evaluate({"--data", some_text(), "--choices", some_choices(), "--compare", tiny_model()});
  EXPECT_EQ(same["bits_per_byte"]["difference"], 0);
  EXPECT_EQ(same["bits_per_byte"]["p_value"], 1);
  EXPECT_EQ(same["accuracy"]["only_first_right"], 0);
  EXPECT_EQ(same["accuracy"]["p_value"], 1);
  EXPECT_EQ(same["first"]["perplexity"], same["second"]["perplexity"]);
  const auto other = evaluate({"--data", some_text(), "--compare", MEDGEN_DEFAULT_MODEL});
  EXPECT_LT(other["bits_per_byte"]["difference"], -1);
  EXPECT_LT(other["bits_per_byte"]["interval"][1], 0);
  EXPECT_EQ(other["bits_per_byte"]["p_value"], 0.25) << "three documents cannot show more";
  const RunResult text =
      run({"eval", "--model", tiny_model(), "--data", some_text(), "--compare", tiny_model()});
  EXPECT_THAT(text.out, HasSubstr("bits/byte: +0.0000"));
}

TEST(EvalCliTest, CalibrationIsOfEveryToken) {
  const auto json = evaluate({"--data", some_text(), "--calibration"});
  const auto& made = json["calibration"];
  EXPECT_EQ(made["tokens"], json["tokens"]);
  EXPECT_EQ(made["documents"], 3);
  std::uint64_t tokens = 0;
  for (const auto& bin : made["bins"]) tokens += bin["tokens"].get<std::uint64_t>();
  EXPECT_EQ(tokens, json["tokens"]);
  EXPECT_NEAR(made["overconfidence"].get<double>(),
              made["confidence"].get<double>() - made["accuracy"].get<double>(), 1e-12);
  auto others = json;
  others.erase("calibration");
  EXPECT_EQ(others, evaluate({"--data", some_text()}));
}

TEST(EvalCliTest, AReliabilityCurveIsDrawn) {
  const std::string svg = (scratch() / "curve.svg").string();
  const RunResult result =
      run({"eval", "--model", tiny_model(), "--data", some_text(), "--calibration-svg", svg});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("expected calibration error"));
  EXPECT_THAT(read(svg), HasSubstr("how often that token came"));
}

TEST(EvalCliTest, RefusesBadInput) {
  EXPECT_EQ(run({"eval", "--model", tiny_model(), "--data", some_text(), "--calibration",
                 "--compare", tiny_model()})
                .status,
            2);
  EXPECT_EQ(run({"eval", "--model", tiny_model(), "--choices", "x.jsonl", "--calibration"}).status,
            2);
  const struct {
    std::vector<std::string> options;
    int status;
    const char* says;
  } cases[] = {
      {{}, 2, "nothing to evaluate"},
      {{"--data", some_text(), "--stride", "25"}, 2, "1 to the context of 24"},
      {{"--data", some_text(), "--stride", "0"}, 2, "1 to the model's context"},
      {{"--data", some_text(), "--stride", "5", "--windows", "packed"}, 2, "never overlap"},
      {{"--data", some_text(), "--limit", "0"}, 2, "1 or more"},
      {{"--data", "none.jsonl"}, 1, "none.jsonl"},
      {{"--data", file("eval-empty.jsonl", "x\n")}, 1, "no text to evaluate"},
      {{"--data", some_text(), "--shots", "2"}, 2, "--shots and --seed are of --choices"},
      {{"--choices", some_choices(), "--shots", "6"}, 2, "from 0 to 5"},
      {{"--choices", some_choices(), "--shots", "-1"}, 2, "0 or more"},
      {{"--data", some_text(), "--compare", tiny_model(), "--items", "i.jsonl"}, 2, "of one model"},
      {{"--data", some_text(), "--compare", "none"}, 3, "no model at none"},
      {{"--choices", file("eval-bad.jsonl", "{}\n")}, 1, "eval-bad.jsonl:1"},
  };
  for (const auto& bad : cases) {
    std::vector<std::string> words = {"eval", "--model", tiny_model()};
    words.insert(words.end(), bad.options.begin(), bad.options.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, bad.status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace medgen::cli_tests
