// --task: the form, the notice, and what a model or a file must have for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

const std::string kTemplates =
    R"({"format_version": 1, "tasks": {"advice": {"prefix": "Q: ", "suffix": "\nA:",)"
    R"( "stop": ["zzz"], "notice": "A notice of the task."}}})";

// The tiny model with a templates.json that its manifest lists.
std::string model_with_templates(const std::string& name, const std::string& templates) {
  const fs::path folder = copy_of_tiny_model(name);
  write(folder / "templates.json", templates);
  auto manifest = nlohmann::json::parse(read(folder / "manifest.json"));
  manifest["files"].push_back({{"name", "templates.json"},
                               {"sha256", base::sha256(templates)},
                               {"size", templates.size()}});
  write(folder / "manifest.json", manifest.dump());
  return folder.string();
}

RunResult generate(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"generate", "--seed", "1", "-n", "1", "--max-new-tokens", "5"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

TEST(TaskCliTest, PutsTheWordsIntoTheModelsForm) {
  const std::string model = model_with_templates("task-model", kTemplates);
  const RunResult wrapped = generate({"--model", model, "--task", "advice", "--json", "a cold."});
  ASSERT_EQ(wrapped.status, 0) << wrapped.err;
  const RunResult written = generate({"--model", model, "--json", "Q: a cold.\nA:"});
  const auto first = nlohmann::json::parse(wrapped.out);
  const auto second = nlohmann::json::parse(written.out);
  EXPECT_EQ(first["prompt"], "Q: a cold.\nA:");
  EXPECT_EQ(first["completions"], second["completions"]);
  EXPECT_THAT(wrapped.err, HasSubstr("A notice of the task."));
  EXPECT_THAT(written.err, Not(HasSubstr("A notice of the task.")));
}

TEST(TaskCliTest, AFormMayHoldSpecialTokensButItsWordsMayNot) {
  const std::string model = model_with_templates(
      "task-specials", R"({"format_version": 1, "tasks": {"advice": {"prefix": "<|endoftext|>a",)"
                       R"( "suffix": "\nA:", "notice": "A notice.", "specials": true}}})");
  const RunResult filled = generate({"--model", model, "--task", "advice", "--json", "b"});
  ASSERT_EQ(filled.status, 0) << filled.err;
  const auto json = nlohmann::json::parse(filled.out);
  EXPECT_EQ(json["provenance"]["specials"], true);
  const RunResult same =
      generate({"--model", model, "--json", "--specials", "<|endoftext|>ab\nA:"});
  EXPECT_EQ(json["completions"], nlohmann::json::parse(same.out)["completions"]);
  const RunResult refused = generate({"--model", model, "--task", "advice", "b<|endoftext|>"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("--specials"));
  EXPECT_EQ(generate({"--model", model, "--task", "advice", "--specials", "b<|endoftext|>"}).status,
            0);
}

TEST(TaskCliTest, WhatTheFormForbidsIsNotSaid) {
  const std::string model = model_with_templates("task-forbids", kTemplates);
  const auto text_of = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"--model",          model, "--greedy",
                                      "--max-new-tokens", "40",  "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = generate(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return nlohmann::json::parse(result.out)["completions"][0]["text"].get<std::string>();
  };
  const std::string free = text_of({"--task", "advice", "a cold"});
  const std::size_t letter = free.find_first_of("abcdefghijklmnopqrstuvwxyz");
  ASSERT_NE(letter, std::string::npos) << free;
  const std::string word = free.substr(letter, 1);
  auto forms = nlohmann::json::parse(kTemplates);
  forms["tasks"]["advice"]["bad_words"] = {word};
  write(scratch() / "forbids.json", forms.dump());
  const std::string bound =
      text_of({"--task", "advice", "--templates", (scratch() / "forbids.json").string(), "a cold"});
  EXPECT_NE(bound, free);
  EXPECT_EQ(bound, text_of({"--bad-words", word, "Q: a cold\nA:"}));
}

TEST(TaskCliTest, AFileTakesThePlaceOfTheModelsForms) {
  const std::string model = model_with_templates("task-file", kTemplates);
  std::string other = kTemplates;
  other.replace(other.find("Q: "), 3, "X: ");
  write(scratch() / "other.json", other);
  const RunResult result = generate({"--model", model, "--task", "advice", "--templates",
                                     (scratch() / "other.json").string(), "--json", "a cold"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["prompt"], "X: a cold\nA:");
}

TEST(TaskCliTest, InspectShowsTheForms) {
  const std::string model = model_with_templates("task-inspect", kTemplates);
  const RunResult text = run({"inspect", model});
  EXPECT_THAT(text.out, HasSubstr("\"Q: TEXT\\nA:\""));
  EXPECT_THAT(text.out, HasSubstr("A notice of the task."));
  const RunResult json = run({"inspect", model, "--json"});
  EXPECT_EQ(nlohmann::json::parse(json.out)["templates"]["advice"]["prefix"], "Q: ");
}

TEST(TaskCliTest, RefusesWhatCannotBe) {
  const std::string model = model_with_templates("task-refuse", kTemplates);
  const struct {
    std::vector<std::string> options;
    int status;
    const char* says;
  } cases[] = {
      {{"--model", tiny_model(), "--task", "advice", "x"}, 2, "it has none at all"},
      {{"--model", model, "--task", "symptoms", "x"}, 2, "it has forms for: advice"},
      {{"--model", model, "--task", "triage", "x"}, 2, "give one of symptoms"},
      {{"--model", model, "--task", "advice", " "}, 2, "needs words"},
      {{"--model", model, "--templates", "a.json", "x"}, 2, "without --task"},
      {{"--model", model, "--templates", "none.json", "--task", "advice", "x"}, 2, "none.json"},
  };
  for (const auto& bad : cases) {
    const RunResult result = generate(bad.options);
    EXPECT_EQ(result.status, bad.status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_EQ(result.out, "");
  }
}

TEST(TaskCliTest, ABundleWithBadFormsDoesNotOpen) {
  std::string verdict = kTemplates;
  verdict.replace(verdict.find("A notice"), 8, "A diagnosis");
  const RunResult result = run({"inspect", model_with_templates("task-bad", verdict)});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("must not read as a verdict"));
}

}  // namespace
}  // namespace medgen::cli_tests
