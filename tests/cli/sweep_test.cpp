// `medgen sweep` as a user sees it, on a tiny random model: the folder, texts that are those of
// `batch`, resuming, shards, refusals. What the metrics say is tested elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/folder_test.h"
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

std::vector<Json> records_of(const fs::path& file) {
  std::vector<Json> records;
  for (const std::string& line : lines_of(read(file))) records.push_back(Json::parse(line));
  return records;
}

class SweepCliTest : public FolderTest {
 protected:
  std::string samples(const std::string& name) const {
    return (folder_ / name / "samples.jsonl").string();
  }
  static std::vector<std::string> words(const std::string& command,
                                        const std::vector<std::string>& more) {
    std::vector<std::string> all = {command, "--model", tiny_model(), "--seed", "7"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static RunResult sweep(const std::vector<std::string>& more, const RunOptions& options = {}) {
    return run(words("sweep", more), options);
  }
  void expect_refusal(int status, const std::vector<std::string>& more,
                      const std::vector<std::string>& message) const {
    std::vector<std::string> all = {path("in.jsonl"), "-o", path("refused")};
    all.insert(all.end(), more.begin(), more.end());
    const RunResult result = sweep(all);
    const std::string shown = ::testing::PrintToString(more);
    EXPECT_EQ(result.status, status) << shown << result.err;
    EXPECT_EQ(result.out, "") << shown;
    for (const std::string& part : message) EXPECT_THAT(result.err, HasSubstr(part)) << shown;
    EXPECT_FALSE(fs::exists(path("refused"))) << shown;
  }
};

TEST_F(SweepCliTest, FillsItsFolder) {
  const std::string in = file("in.jsonl", prompts(3));
  const RunResult result = sweep({in, "-o", path("out"), "-n", "2", "--max-new-tokens", "6",
                                  "--grid", "temperature=0.5,1", "--grid", "top_p=0.8,1"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("temperature=1 top_p=0.8"), Not(HasSubstr("I feel"))));
  EXPECT_THAT(result.err, AllOf(HasSubstr("complete: 3 of 3 rows"), HasSubstr("report.html"),
                                Not(HasSubstr("I feel"))));
  const std::vector<Json> records = records_of(samples("out"));
  ASSERT_EQ(records.size(), 12U);
  std::vector<std::string> keys;
  for (const auto& item : records[5].items()) keys.push_back(item.key());
  EXPECT_THAT(keys, ElementsAre("id", "format", "setting", "prompt", "lang", "completions",
                                "provenance", "generated", "notice"));
  EXPECT_EQ(records[5]["id"], "p1");
  EXPECT_EQ(records[5]["setting"], "temperature=0.5 top_p=1");
  EXPECT_EQ(records[6]["provenance"]["sampling"]["temperature"], 1);
  EXPECT_EQ(records[6]["provenance"]["sampling"]["top_p"], 0.8);
  EXPECT_FALSE(records[6]["provenance"]["sampling"].contains("logprobs"));
  for (const Json& record : records) {
    ASSERT_EQ(record["completions"].size(), 2U);
    for (int i = 0; i < 2; ++i) {
      const Json& completion = record["completions"][static_cast<std::size_t>(i)];
      EXPECT_EQ(completion["index"], i);
      EXPECT_EQ(completion["tokens"].size(), completion["num_tokens"]);
      EXPECT_GT(completion["mean_entropy"].get<double>(), 0);
      EXPECT_FALSE(completion.contains("logprobs"));
    }
  }
  EXPECT_TRUE(Json::accept(read(folder_ / "out" / "metrics.json")));
  EXPECT_THAT(read(folder_ / "out" / "metrics.csv"), HasSubstr("temperature=1 top_p=0.8"));
  EXPECT_THAT(read(folder_ / "out" / "report.html"), HasSubstr("</html>"));
  EXPECT_FALSE(fs::exists(folder_ / "out" / "rating_pack.csv"));
}

TEST_F(SweepCliTest, TextsAreThoseOfBatch) {
  const std::string in = file("in.jsonl", prompts(4));
  const std::string settings =
      file("settings.jsonl",
           "{\"name\":\"a\",\"temperature\":0.5,\"top_p\":0.8}\n{\"name\":\"b\",\"num_beams\":3}\n"
           "{\"name\":\"c\",\"temperature\":0}\n"
           "{\"name\":\"d\",\"typical_p\":0.9,\"n\":2,\"max_new_tokens\":4,\"logprobs\":1}\n");
  ASSERT_EQ(
      sweep({in, "-o", path("out"), "-n", "3", "--max-new-tokens", "9", "--settings", settings})
          .status,
      0);
  const std::vector<std::vector<std::string>> flags = {
      {"-n", "3", "--max-new-tokens", "9", "--temperature", "0.5", "--top-p", "0.8"},
      {"--max-new-tokens", "9", "--num-beams", "3", "-n", "1"},
      {"--max-new-tokens", "9", "--greedy"},
      {"-n", "2", "--typical-p", "0.9", "--max-new-tokens", "4", "--logprobs", "1"}};
  const std::vector<Json> records = records_of(samples("out"));
  ASSERT_EQ(records.size(), 16U);
  for (std::size_t setting = 0; setting < flags.size(); ++setting) {
    const std::string out = path(std::to_string(setting) + ".jsonl");
    std::vector<std::string> all = words("batch", {in, "-o", out});
    all.insert(all.end(), flags[setting].begin(), flags[setting].end());
    ASSERT_EQ(run(all).status, 0);
    const std::vector<Json> expected = records_of(out);
    for (std::size_t prompt = 0; prompt < 4; ++prompt) {
      Json record = records[prompt * flags.size() + setting];
      record.erase("setting");
      for (Json& completion : record["completions"]) {
        completion.erase("tokens");
        completion.erase("mean_entropy");
      }
      EXPECT_EQ(record.dump(), expected[prompt].dump()) << "setting " << setting;
    }
  }
}

TEST_F(SweepCliTest, SlotsThreadsAndShardsChangeNoByte) {
  const std::string in = file("in.jsonl", prompts(7) + "bad\n");
  const auto grid = [&](const std::string& out, std::vector<std::string> more) {
    more.insert(more.begin(), {in, "-o", path(out), "--grid", "temperature=0.5,1,1.5",
                               "--max-new-tokens", "5", "-n", "2"});
    return more;
  };
  ASSERT_EQ(sweep(grid("whole", {})).status, 4);
  const std::string whole = read(samples("whole"));
  ASSERT_EQ(lines_of(whole).size(), 24U);
  const Json bad = Json::parse(lines_of(whole)[22]);
  EXPECT_EQ(bad["setting"], "temperature=1");
  EXPECT_EQ(bad["error"]["code"], "invalid_json");
  ASSERT_EQ(sweep(grid("one", {"--slots", "1", "--threads", "1"})).status, 4);
  EXPECT_EQ(read(samples("one")), whole);
  fs::create_directories(path("merged"));
  std::vector<std::string> merge = {"merge", "-o", samples("merged")};
  for (const std::string i : {"1", "2", "3"}) {
    sweep(grid(i, {"--shard", i + "/3"}));
    merge.push_back(samples(i));
  }
  EXPECT_EQ(run(merge).status, 4);
  EXPECT_EQ(read(samples("merged")), whole);
  // The merged samples count as the sweep's own, and get their report.
  const RunResult again = sweep(grid("merged", {}));
  EXPECT_THAT(again.err, HasSubstr("nothing to do"));
  EXPECT_EQ(read(folder_ / "merged" / "metrics.json"), read(folder_ / "whole" / "metrics.json"));
}

TEST_F(SweepCliTest, KilledAtAnyTimeItEndsWithTheSameBytes) {
  const std::string in = file("in.jsonl", prompts(1500));
  const auto command = [&](const std::string& out) {
    return words("sweep", {in, "-o", path(out), "-n", "2", "--slots", "2", "--grid",
                           "temperature=0.5,1,1.5", "--grid", "top_k=0,20"});
  };
  ASSERT_EQ(run(command("whole")).status, 0);
  int kills = 0;
  std::uintmax_t written = 0;
  for (int round = 0; round < 3; ++round) {
    Process process(command("out"), {});
    EXPECT_TRUE(process.wait_for_file(samples("out"), written + 1));
    process.signal(SIGKILL);
    kills += process.wait().status == 128 + SIGKILL ? 1 : 0;
    EXPECT_FALSE(fs::exists(folder_ / "out" / "metrics.json") && kills == round + 1);
    written = fs::file_size(samples("out"));
  }
  const RunResult last = run(command("out"));
  EXPECT_EQ(last.status, 0) << last.err;
  EXPECT_EQ(read(samples("out")), read(samples("whole")));
  EXPECT_EQ(read(folder_ / "out" / "metrics.json"), read(folder_ / "whole" / "metrics.json"));
  EXPECT_GT(kills, 0) << "9,000 rows were done before the first of them was on the disk";
}

TEST_F(SweepCliTest, ChangesAreRefusedWithWhatDiffers) {
  const std::string in = file("in.jsonl", prompts(2));
  const auto with = [&](const std::string& values, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {in, "-o", path("out"), "--max-new-tokens", "3", "--grid",
                               "temperature=" + values});
    return sweep(more);
  };
  ASSERT_EQ(with("0.5,1").status, 0);
  const std::string before = read(samples("out"));
  EXPECT_THAT(with("0.5,1.5").err, HasSubstr("temperature=1.5"));
  EXPECT_THAT(with("1,0.5").err, HasSubstr("variants was"));
  const RunResult result = with("0.5,1", {"--top-p", "0.5"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("temperature=0.5.top_p was 1.0 and is now 0.5"));
  EXPECT_EQ(read(samples("out")), before);
  EXPECT_EQ(with("0.5,1.5", {"--restart"}).status, 0);
  EXPECT_NE(read(samples("out")), before);
}

TEST_F(SweepCliTest, BadInputIsRefusedAndLeavesNothing) {
  file("in.jsonl", prompts(2));
  const std::string empty = file("empty.txt", "\n\n");
  expect_refusal(2, {}, {"nothing to compare", "--grid"});
  expect_refusal(2, {"--grid", "temprature=1,2"}, {"did you mean \"temperature\""});
  expect_refusal(2, {"--grid", "top_p=0.5,7"}, {"\"top_p=7\"", "above 0"});
  expect_refusal(2, {"--grid", "num_beams=2,3", "--temperature", "1", "--grid", "top_k=0,4"},
                 {"\"num_beams=2 top_k=4\"", "no effect"});
  expect_refusal(2, {"--grid", "top_k=1,2", "--settings", "x"}, {"--settings"});
  expect_refusal(2, {"--settings", path("none.jsonl")}, {"none.jsonl"});
  expect_refusal(2, {"--grid", "top_k=1,2", "--baseline", "top_k=3"}, {"baseline", "top_k=1"});
  expect_refusal(2, {"--grid", "top_k=1,2", "--reference", empty}, {"holds no texts"});
  expect_refusal(2, {"--grid", "top_k=1,2", "--rating-pack", "0"}, {"rating-pack is 0"});
  expect_refusal(2, {"--grid", "suppress_tokens=[300]"}, {"300"});
  EXPECT_EQ(sweep({path("in.jsonl"), "--grid", "top_k=1"}).status, 2) << "no folder";
  const std::string taken = file("taken", "a file");
  EXPECT_EQ(sweep({path("in.jsonl"), "--grid", "top_k=1", "-o", taken}).status, 2);
  // What the system refuses is a failure in every command.
  EXPECT_EQ(sweep({path("in.jsonl"), "--grid", "top_k=1", "-o", "/proc/none"}).status, 1);
  EXPECT_EQ(read(taken), "a file");
}

TEST_F(SweepCliTest, APromptThatDoesNotFitOneSettingFailsForAll) {
  const std::string in =
      file("in.jsonl", prompts(2) + "{\"prompt\":\"own settings\",\"settings\":{\"top_k\":3}}\n");
  const RunResult result = sweep({in, "-o", path("out"), "--grid", "max_length=4,20", "-n", "1"});
  EXPECT_EQ(result.status, 4) << result.err;
  const std::vector<Json> records = records_of(samples("out"));
  ASSERT_EQ(records.size(), 6U);
  EXPECT_EQ(records[1]["error"]["code"], "prompt_too_long");
  EXPECT_THAT(records[1]["error"]["message"].get<std::string>(), HasSubstr("max_length=4"));
  EXPECT_THAT(records[5]["error"]["message"].get<std::string>(), HasSubstr("settings of its own"));
  EXPECT_THAT(result.err, HasSubstr("no metrics"));
  EXPECT_FALSE(fs::exists(folder_ / "out" / "metrics.json"));
}

TEST_F(SweepCliTest, MakesAPackForRaters) {
  const std::string in = file("in.jsonl", prompts(4));
  const std::string human = file("human.txt", "A first text.\n\nAnd a second one.\n");
  ASSERT_EQ(sweep({in, "-o", path("out"), "-n", "2", "--grid", "top_k=2,0", "--rating-pack", "6",
                   "--reference", human, "--baseline", "top_k=0"})
                .status,
            0);
  const std::string pack = read(folder_ / "out" / "rating_pack.csv");
  EXPECT_THAT(pack,
              AllOf(HasSubstr("item,prompt,text,agrees_with_consensus"), Not(HasSubstr("top_k"))));
  EXPECT_THAT(lines_of(read(folder_ / "out" / "rating_key.csv")), ::testing::SizeIs(7));
  EXPECT_THAT(read(folder_ / "out" / "metrics.csv"), HasSubstr("human"));
}

}  // namespace
}  // namespace medgen::cli_tests
