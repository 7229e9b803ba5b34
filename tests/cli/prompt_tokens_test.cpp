// Prompts that are token ids or hold special tokens, and beams that are drawn, as a user sees them
// on a tiny random model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

class PromptTokensCliTest : public FolderTest {
 protected:
  static RunResult medgen(const std::string& command, const std::vector<std::string>& more) {
    std::vector<std::string> words = {command, "--model", tiny_model()};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  static Json generated(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"--json", "--seed", "3", "--max-new-tokens", "6"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = medgen("generate", words);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out, nullptr, false);
  }
  static Json ids_of(const std::string& text, bool specials = false) {
    std::vector<std::string> words = {"tokenize", "--tokenizer", tiny_model(), "--json", text};
    if (specials) words.emplace_back("--specials");
    return Json::parse(run(words).out)["ids"];
  }
  // As `reproduce` judges a file of so many records.
  static void expect_reproduced(const std::string& file, int records) {
    const RunResult result = medgen("reproduce", {file, "--json"});
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    EXPECT_EQ(Json::parse(result.out)["equal"], records);
  }
};

TEST_F(PromptTokensCliTest, IdsGiveWhatTheirTextGives) {
  const Json ids = ids_of("I feel");
  const Json of_text = generated({"I feel"});
  const Json of_ids = generated({"--prompt-ids", ids.dump()});
  EXPECT_EQ(of_ids["completions"], of_text["completions"]);
  EXPECT_EQ(of_ids["prompt"], "I feel");
  EXPECT_EQ(of_ids["prompt_ids"], ids);
  EXPECT_EQ(of_ids["format"], 2);
  EXPECT_EQ(of_text["format"], 1);
  EXPECT_FALSE(of_text.contains("prompt_ids"));
  expect_reproduced(file("ids.json", of_ids.dump()), 1);

  const RunResult shown = medgen("generate", {"--prompt-ids", ids.dump(), "--greedy"});
  EXPECT_THAT(shown.out, HasSubstr("I feel"));
  EXPECT_EQ(shown.out, medgen("generate", {"I feel", "--greedy"}).out);

  const RunResult explained = medgen("explain", {"--json", "--prompt-ids", ids.dump()});
  EXPECT_EQ(explained.out, medgen("explain", {"--json", "I feel"}).out);
}

TEST_F(PromptTokensCliTest, IdsThatCannotBeUsedAreRefusedWithoutOutput) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> bad = {
      {{"--prompt-ids", "[1,300]"}, "the token id 300 at place 2 of 2; ids go from 0 to "},
      {{"--prompt-ids", "[]"}, "prompt-ids"},
      {{"--prompt-ids", "[-1]"}, "prompt-ids"},
      {{"--prompt-ids", "[1.5]"}, "prompt-ids"},
      {{"--prompt-ids", "secret"}, "prompt-ids"},
      {{"--prompt-ids", "[\"secret\"]"}, "prompt-ids"},
      {{"--prompt-ids", "[1]", "secret"}, "--prompt-ids"},
      {{"--prompt-ids", "[1]", "--prompt-file", "secret"}, "--prompt-ids"},
      {{"--prompt-ids", "[1]", "--specials"}, "--specials"},
      {{"--prompt-ids", "[1]", "--task", "advice"}, "--task"}};
  for (const auto& [words, part] : bad) {
    for (const char* command : {"generate", "explain"}) {
      if (words.size() == 4 && words[2] == "--task" && command == std::string("explain")) continue;
      const RunResult result = medgen(command, words);
      EXPECT_EQ(result.status, 2) << command << ::testing::PrintToString(words);
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, HasSubstr(part));
      EXPECT_THAT(result.err, Not(HasSubstr("secret"))) << ::testing::PrintToString(words);
    }
  }
}

TEST_F(PromptTokensCliTest, SpecialTokensAreReadWhereThatIsAskedFor) {
  const std::string text = "I<|endoftext|>My";
  ASSERT_LT(ids_of(text, true).size(), ids_of(text).size());
  const Json plain = generated({text});
  const Json parsed = generated({text, "--specials"});
  EXPECT_EQ(plain["provenance"]["prompt_tokens"], ids_of(text).size());
  EXPECT_EQ(parsed["provenance"]["prompt_tokens"], ids_of(text, true).size());
  EXPECT_FALSE(plain["provenance"].contains("specials"));
  EXPECT_EQ(parsed["provenance"]["specials"], true);
  EXPECT_EQ(parsed["completions"],
            generated({"--prompt-ids", ids_of(text, true).dump()})["completions"]);
  expect_reproduced(file("parsed.json", parsed.dump()), 1);
  const auto explained = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"--json", text};
    words.insert(words.end(), more.begin(), more.end());
    return Json::parse(medgen("explain", words).out)["prompt_ids"];
  };
  EXPECT_EQ(explained({}), ids_of(text));
  EXPECT_EQ(explained({"--specials"}), ids_of(text, true));
}

TEST_F(PromptTokensCliTest, RowsHaveIdsAndSpecialsAndAreReproduced) {
  const std::string text = "I<|endoftext|>My";
  const std::string in = file(
      "in.jsonl", "{\"id\":\"ids\",\"prompt_ids\":" + ids_of("I feel").dump() +
                      "}\n{\"id\":\"plain\",\"prompt\":\"" + text +
                      "\"}\n{\"id\":\"parsed\",\"prompt\":\"" + text + "\",\"specials\":true}\n");
  const std::vector<std::string> words = {in,  "--seed", "5", "--max-new-tokens",
                                          "5", "-n",     "2", "-o"};
  const auto batch = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> all = words;
    all.push_back(path(out));
    all.insert(all.end(), more.begin(), more.end());
    return medgen("batch", all);
  };
  ASSERT_EQ(batch("out.jsonl", {}).status, 0);
  const auto records = lines_of(read(path("out.jsonl")));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(Json::parse(records[0])["prompt"], "I feel");
  EXPECT_EQ(Json::parse(records[0])["prompt_ids"], ids_of("I feel"));
  EXPECT_EQ(Json::parse(records[1])["format"], 1);
  EXPECT_EQ(Json::parse(records[1])["provenance"]["prompt_tokens"], ids_of(text).size());
  EXPECT_EQ(Json::parse(records[2])["provenance"]["prompt_tokens"], ids_of(text, true).size());
  expect_reproduced(path("out.jsonl"), 3);

  // For all rows, by the command; another value is another job.
  ASSERT_EQ(batch("all.jsonl", {"--specials"}).status, 0);
  const auto all = lines_of(read(path("all.jsonl")));
  EXPECT_EQ(Json::parse(all[1])["provenance"]["prompt_tokens"], ids_of(text, true).size());
  EXPECT_EQ(all[2], records[2]);
  expect_reproduced(path("all.jsonl"), 3);
  EXPECT_EQ(batch("all.jsonl", {"--specials"}).status, 0);
  const RunResult refused = batch("all.jsonl", {});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("settings.specials"));
}

TEST_F(PromptTokensCliTest, OpenAisBodiesHoldTextsOrIds) {
  const auto row = [](const std::string& id, const std::string& prompt) {
    return "{\"custom_id\":\"" + id +
           "\",\"method\":\"POST\",\"url\":\"/v1/"
           "completions\",\"body\":{\"max_tokens\":4,\"prompt\":" +
           prompt + "}}\n";
  };
  const std::string ids = ids_of("I feel").dump();
  // The same id in files of one row each, so that all draw the same numbers.
  std::vector<Json> choices;
  int number = 0;
  for (const std::string& prompt :
       {std::string("\"I feel\""), std::string("[\"I feel\"]"), ids, "[" + ids + "]"}) {
    const std::string name = std::to_string(++number);
    const std::string in = file(name + ".jsonl", row("a", prompt));
    ASSERT_EQ(medgen("batch", {in, "-o", path(name + ".out"), "--seed", "2"}).status, 0);
    const Json record = Json::parse(read(path(name + ".out")));
    choices.push_back(record["response"]["body"]["choices"]);
    EXPECT_EQ(record["response"]["body"]["usage"]["prompt_tokens"], ids_of("I feel").size());
  }
  for (const Json& one : choices) EXPECT_EQ(one, choices[0]);
}

TEST_F(PromptTokensCliTest, TextsOfOtherProgramsAreScoredAfterTheirSpecialTokens) {
  const std::string in =
      file("texts.jsonl", "{\"prompt\":\"I<|endoftext|>\",\"text\":\"My knee\"}\n");
  const auto perplexity = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"metrics", in, "--model", tiny_model(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  EXPECT_NE(perplexity({}), perplexity({"--specials"}));
}

TEST_F(PromptTokensCliTest, DrawnBeamsAreReproducedWhateverRunsBesideThem) {
  std::string rows;
  for (int i = 0; i < 4; ++i) {
    rows += "{\"id\":" + std::to_string(i) + ",\"prompt\":\"I feel\"}\n";
  }
  const std::string in = file("in.jsonl", rows);
  const auto batch = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> all = {
        in,  "--num-beams",   "3", "--beam-sample",    "-n", "2",  "--seed",
        "5", "--temperature", "1", "--max-new-tokens", "5",  "-o", path(out)};
    all.insert(all.end(), more.begin(), more.end());
    const RunResult result = medgen("batch", all);
    EXPECT_EQ(result.status, 0) << result.err;
    return read(path(out));
  };
  const std::string out = batch("out.jsonl", {});
  EXPECT_EQ(out, batch("slots.jsonl", {"--slots", "3", "--threads", "1"}));
  const auto records = lines_of(out);
  ASSERT_EQ(records.size(), 4U);
  EXPECT_NE(Json::parse(records[0])["completions"], Json::parse(records[1])["completions"]);
  EXPECT_EQ(Json::parse(records[0])["provenance"]["sampling"]["beam_sample"], true);
  expect_reproduced(path("out.jsonl"), 4);
}

}  // namespace
}  // namespace medgen::cli_tests
