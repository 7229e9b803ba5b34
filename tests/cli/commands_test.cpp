// Help, version, tokenize, inspect and convert as a user sees them.
// Knows nothing of how they work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

std::vector<std::string> tokenize(std::vector<std::string> more) {
  std::vector<std::string> words = {"tokenize", "--tokenizer", checkpoint_tokenizer().string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(CommandsCliTest, HelpOfEveryCommandNamesStatusesAndVariables) {
  for (const std::string command :
       {"generate", "tokenize", "inspect", "convert", "train", "train-tokenizer"}) {
    const RunResult result = run({command, "--help"});
    EXPECT_EQ(result.status, 0) << command;
    EXPECT_EQ(result.err, "") << command;
    EXPECT_THAT(result.out, HasSubstr("130 interrupted")) << command;
    EXPECT_THAT(result.out, HasSubstr("MEDGEN_")) << command;
    EXPECT_THAT(run({"--help"}).out, HasSubstr("\n  " + command + " ")) << command;
  }
}

TEST(CommandsCliTest, HelpOfGenerateNamesDefaultsAndRanges) {
  // Line breaks are not part of the contract.
  const std::string help = std::regex_replace(run({"generate", "-h"}).out, std::regex("\\s+"), " ");
  for (const char* part : {"Default: 150", "Default: 0.7", "Default: 50", "Default: 3", "4096",
                           "[MEDGEN_NUM_RETURN_SEQUENCES]", "[MEDGEN_TOP_P]", "[MEDGEN_CONFIG]"}) {
    EXPECT_THAT(help, HasSubstr(part));
  }
}

TEST(CommandsCliTest, VersionIsOneLine) {
  EXPECT_THAT(run({"--version"}).out, StartsWith("medgen "));
  EXPECT_EQ(run({"-V"}).out, run({"--version"}).out);
}

TEST(CommandsCliTest, WrongUsageIsStatusTwoForEveryCommand) {
  for (const std::string command :
       {"generate", "tokenize", "inspect", "convert", "train", "train-tokenizer"}) {
    const RunResult result = run({command, "--no-such-option"});
    EXPECT_EQ(result.status, 2) << command;
    EXPECT_THAT(result.err, HasSubstr("medgen: error: ")) << command;
    EXPECT_EQ(result.out, "") << command;
  }
}

TEST(CommandsCliTest, TokenizeShowsIdsAndPieces) {
  const RunResult json = run(tokenize({"--json", "fever"}));
  ASSERT_EQ(json.status, 0) << json.err;
  const Json tokens = Json::parse(json.out);
  ASSERT_EQ(tokens["ids"].size(), tokens["pieces"].size());
  ASSERT_GT(tokens["ids"].size(), 0U);
  const RunResult text = run(tokenize({"fever"}));
  EXPECT_THAT(text.out, StartsWith(tokens["ids"][0].dump() + "\t" +
                                   tokens["pieces"][0].get<std::string>() + "\n"));
  EXPECT_EQ(run(tokenize({}), {.input = "fever\n"}).out, text.out);
  EXPECT_EQ(run({"tokenize", "--tokenizer", tiny_model(), "fever"}).out, text.out);
}

TEST(CommandsCliTest, TokenizeLinesThereAndBack) {
  const std::string lines =
      "{\"text\": \"I feel \\u00e9 ill\"}\n{\"text\": \"\"}\n{\"text\": \"a\\nb \"}\n";
  const RunResult there = run(tokenize({"--jsonl"}), {.input = lines});
  ASSERT_EQ(there.status, 0) << there.err;
  const RunResult back = run(tokenize({"--jsonl", "--decode"}), {.input = there.out});
  EXPECT_EQ(back.out, "{\"text\":\"I feel é ill\"}\n{\"text\":\"\"}\n{\"text\":\"a\\nb \"}\n");
}

TEST(CommandsCliTest, BadLineIsNamedAndEarlierLinesAreOut) {
  for (const std::string bad : {"not secret json", "{\"txt\": \"secret\"}", "{\"text\": 3}", "[]",
                                "", "{\"text\": \"\\ud800\"}"}) {
    const RunResult result = run(tokenize({"--jsonl"}),
                                 {.input = "{\"text\": \"a\"}\n" + bad + "\n{\"text\": \"b\"}\n"});
    EXPECT_EQ(result.status, 1) << bad;
    EXPECT_THAT(result.err, HasSubstr("line 2")) << bad;
    EXPECT_THAT(result.err, Not(HasSubstr("secret"))) << bad;
    EXPECT_THAT(result.out, StartsWith("{\"ids\":")) << bad;
    EXPECT_EQ(result.out.find('\n'), result.out.size() - 1) << bad;
  }
  for (const std::string bad : {"{\"ids\": [-1]}", "{\"ids\": [99999]}", "{\"ids\": [4294967297]}",
                                "{\"ids\": [1.5]}", "{\"ids\": \"1\"}"}) {
    const RunResult result = run(tokenize({"--jsonl", "--decode"}), {.input = bad + "\n"});
    EXPECT_EQ(result.status, 1) << bad;
    EXPECT_THAT(result.err, HasSubstr("line 1")) << bad;
  }
}

TEST(CommandsCliTest, TokenizerThatCannotBeUsedIsStatusThree) {
  EXPECT_EQ(run({"tokenize", "--tokenizer", "/nonexistent", "a"}).status, 3);
  EXPECT_EQ(run(tokenize({"a\xFF"})).status, 2);
}

TEST(CommandsCliTest, InspectSaysWhatAModelIs) {
  const RunResult text = run({"inspect", tiny_model()});
  ASSERT_EQ(text.status, 0) << text.err;
  for (const char* part :
       {"tiny", "2 layers", "6 heads", "width 30", "24 tokens", "gpt2-bpe", "fp32", "model.pt"}) {
    EXPECT_THAT(text.out, HasSubstr(part));
  }
  EXPECT_THAT(text.out, HasSubstr("length and SHA-256 of each as it says"));
  const Json json = Json::parse(run({"inspect", tiny_model(), "--json"}).out);
  EXPECT_EQ(json["architecture"]["n_head"], 6);
  EXPECT_EQ(json["context"], 24);
  EXPECT_EQ(json["sha256"].get<std::string>().size(), 64U);
  EXPECT_EQ(run({"inspect", "/nonexistent"}).status, 3);
}

TEST(CommandsCliTest, InspectSaysThatPackedWeightsAreNotWhatItChecked) {
  const std::filesystem::path model = copy_of_tiny_model("inspected");
  write(model / "packed-int8.bin", "from somewhere");
  const RunResult text = run({"inspect", model.string()});
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, Not(HasSubstr("all checked")));
  const auto list_ends = text.out.find("Not checked: ");
  ASSERT_NE(list_ends, std::string::npos);
  EXPECT_THAT(text.out.substr(0, list_ends), Not(HasSubstr("packed-")));
  EXPECT_THAT(text.out.substr(list_ends), HasSubstr("(packed-*.bin) are not part of the model"));
  // Companion: what the manifest lists is checked.
  write(model / "config.json", read(model / "config.json") + " ");
  const RunResult changed = run({"inspect", model.string()});
  EXPECT_EQ(changed.status, 3);
  EXPECT_THAT(changed.err, HasSubstr("config.json"));
}

TEST(CommandsCliTest, ConvertRefusesToOverwriteUnlessForced) {
  const std::string source = checkpoint("gelu_new_odd_head").string();
  const std::string out = copy_of_tiny_model("overwrite").string();
  const std::string tokenizer = checkpoint_tokenizer().string();
  const RunResult refused = run({"convert", source, out, "--tokenizer", tokenizer});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr(out));
  EXPECT_EQ(
      run({"convert", source, out, "--tokenizer", tokenizer, "--force", "--dtype", "fp16"}).status,
      0);
  EXPECT_EQ(Json::parse(run({"inspect", out, "--json"}).out)["precision"], "fp16");
}

TEST(CommandsCliTest, ATracedGpt2RunsNativelyAndConverts) {
  const std::string archive = (checkpoint("traced") / "model.pt").string();
  const std::string tokenizer = checkpoint_tokenizer().string();
  const RunResult foreign = run({"--model", archive, "--tokenizer", tokenizer, "--seed", "1", "-n",
                                 "1", "--greedy", "--json", "ill"});
  ASSERT_EQ(foreign.status, 0) << foreign.err;
  EXPECT_EQ(Json::parse(foreign.out)["provenance"]["backend"], "native");
  EXPECT_THAT(foreign.err, Not(HasSubstr("cache")));
  const std::string out = (scratch() / "from_traced").string();
  const RunResult converted = run({"convert", archive, out, "--tokenizer", tokenizer});
  ASSERT_EQ(converted.status, 0) << converted.err;
  const RunResult own =
      run({"--model", out, "--seed", "1", "-n", "1", "--greedy", "--json", "ill"});
  EXPECT_EQ(Json::parse(own.out)["completions"][0]["text"],
            Json::parse(foreign.out)["completions"][0]["text"]);
}

TEST(CommandsCliTest, TrainingCommandsNeedTheirFiles) {
  EXPECT_THAT(run({"train"}).err, HasSubstr("--data"));
  EXPECT_THAT(run({"train-tokenizer"}).err, HasSubstr("--data"));
  EXPECT_EQ(run({"train-tokenizer", "--data", "x.jsonl"}).status, 2);
  const RunResult small = run({"train-tokenizer", "--data", "x.jsonl", "--output",
                               (scratch() / "small").string(), "--vocab-size", "300"});
  EXPECT_EQ(small.status, 2);
  EXPECT_THAT(small.err, HasSubstr("vocab_size is 300; it must be from 512 to 65536"));
  EXPECT_EQ(run({"train", "--data", "x.jsonl"}).status, 2);
  EXPECT_EQ(
      run({"train-tokenizer", "--data", "x.jsonl", "--output", "y", "--weight", "nhs"}).status, 2);
}

}  // namespace
}  // namespace medgen::cli_tests
