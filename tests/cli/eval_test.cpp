// `medgen eval` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"

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

TEST(EvalCliTest, RefusesBadInput) {
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
