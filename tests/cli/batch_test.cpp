// `medgen batch` and `medgen merge` as a user sees them, on a tiny random model: what goes where,
// exit statuses, resuming, refusals. Knows nothing of threads or journals' insides.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/sha256.h"
#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

class BatchCliTest : public FolderTest {
 protected:
  static std::vector<std::string> words(std::vector<std::string> more) {
    std::vector<std::string> all = {"batch", "--model", tiny_model()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static RunResult batch(const std::vector<std::string>& more, const RunOptions& options = {}) {
    return run(words(more), options);
  }
  void expect_refusal(int status, const std::vector<std::string>& more,
                      const std::vector<std::string>& message, const RunOptions& options = {}) {
    const RunResult result = batch(more, options);
    const std::string shown = ::testing::PrintToString(more);
    EXPECT_EQ(result.status, status) << shown << result.err;
    EXPECT_EQ(result.out, "") << shown;
    EXPECT_THAT(result.err, Not(HasSubstr("secret"))) << shown;
    for (const std::string& part : message) EXPECT_THAT(result.err, HasSubstr(part)) << shown;
  }
};

TEST_F(BatchCliTest, WritesARecordForEveryRow) {
  const std::string in = file("in.jsonl", prompts(5));
  const RunResult result = batch({in, "-o", path("out.jsonl"), "-n", "2", "--seed", "7"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("not for emergencies"), HasSubstr("complete: 5 of 5 rows"),
                    HasSubstr("tokens/s"), HasSubstr("peak memory"), Not(HasSubstr("I feel"))));
  const auto records = lines_of(read(path("out.jsonl")));
  ASSERT_EQ(records.size(), 5U);
  const Json json = Json::parse(records[3]);
  std::vector<std::string> keys;
  for (const auto& item : json.items()) keys.push_back(item.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"id", "format", "prompt", "lang", "completions",
                                            "provenance", "generated", "notice"}));
  EXPECT_EQ(json["id"], "p3");
  EXPECT_EQ(json["completions"].size(), 2U);
  EXPECT_EQ(json["provenance"]["seed"], 7);
  EXPECT_EQ(json["generated"], true);
}

TEST_F(BatchCliTest, SlotsThreadsShardsAndStdinChangeNoByte) {
  const std::string in = file("in.jsonl", prompts(13) + "bad\n");
  const std::vector<std::string> common = {"-n", "2", "--seed", "7"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), common.begin(), common.end());
    return more;
  };
  ASSERT_EQ(batch(with({in, "-o", path("whole.jsonl")})).status, 4);
  const std::string whole = read(path("whole.jsonl"));
  ASSERT_EQ(batch(with({in, "-o", path("one.jsonl"), "--slots", "1", "--threads", "1"})).status, 4);
  EXPECT_EQ(read(path("one.jsonl")), whole);
  const RunResult filter =
      batch(with({"-", "-o", "-", "--input-format", "jsonl"}), {.input_path = in});
  EXPECT_EQ(filter.status, 4);
  EXPECT_EQ(filter.out, whole);
  std::vector<std::string> merge = {"merge", "-o", path("merged.jsonl")};
  for (const std::string i : {"1", "2", "3"}) {
    batch(with({in, "-o", path(i + ".jsonl"), "--shard", i + "/3"}));
    merge.push_back(path(i + ".jsonl"));
  }
  EXPECT_EQ(run(merge).status, 4);
  EXPECT_EQ(read(path("merged.jsonl")), whole);
  // And the merged output counts as the job's own.
  const RunResult again = batch(with({in, "-o", path("merged.jsonl")}));
  EXPECT_EQ(again.status, 4);
  EXPECT_THAT(again.err, HasSubstr("nothing to do"));
  merge.pop_back();
  merge.push_back("--restart");
  const RunResult missing = run(merge);
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("1 of 3 shards are missing: 3"));
}

TEST_F(BatchCliTest, ReadsTextTablesAndOpenAisForm) {
  const auto first = [&](const std::string& in, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {in, "-o", "-", "--quiet", "--seed", "7"});
    const RunResult result = batch(more);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(lines_of(result.out).at(0));
  };
  EXPECT_EQ(first(file("a.txt", "I feel ill\r\nx\n"))["prompt"], "I feel ill");
  EXPECT_EQ(first(file("a.txt", "I feel ill\n"))["id"], 1);
  const Json csv =
      first(file("a.csv", "key,words,temperature,lang\n\"k,1\",\"I \"\"feel\"\"\",0,de\n"),
            {"--prompt-column", "words", "--id-column", "key", "--row-settings", "temperature"});
  EXPECT_EQ(csv["id"], "k,1");
  EXPECT_EQ(csv["prompt"], "I \"feel\"");
  EXPECT_EQ(csv["lang"], "de");
  EXPECT_EQ(csv["provenance"]["sampling"]["temperature"], 0);
  EXPECT_EQ(first(file("a.tsv", "prompt\nI feel\n"))["prompt"], "I feel");
  const Json openai =
      first(file("o.jsonl", R"({"custom_id":"c1","method":"POST","url":"/v1/completions",)"
                            R"("body":{"model":"m","prompt":"I","max_tokens":3,"n":2}})"
                            "\n"));
  EXPECT_EQ(openai["custom_id"], "c1");
  EXPECT_EQ(openai["error"], nullptr);
  EXPECT_EQ(openai["response"]["status_code"], 200);
  const Json body = openai["response"]["body"];
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_EQ(body["choices"].size(), 2U);
  EXPECT_LE(body["usage"]["completion_tokens"], 6);
  EXPECT_EQ(body["usage"]["total_tokens"], body["usage"]["prompt_tokens"].get<int>() +
                                               body["usage"]["completion_tokens"].get<int>());
  EXPECT_EQ(body["generated"], true);
}

TEST_F(BatchCliTest, BadRowsBecomeErrorRecordsWithoutTheirText) {
  const std::string in =
      file("in.jsonl", prompts(2) + "secret\n" +
                           R"({"id":"x","prompt":"secret","settings":{"temperature":-1}})" + "\n" +
                           R"({"id":"y","prompt":")" + std::string(99, 's') + "\"}\n");
  const RunResult result = batch({in, "-o", path("out.jsonl"), "--seed", "7"});
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("3 failed"), Not(HasSubstr("secret"))));
  const auto records = lines_of(read(path("out.jsonl")));
  ASSERT_EQ(records.size(), 5U);
  EXPECT_THAT(records[2],
              StartsWith(R"({"id":3,"format":1,"error":{"code":"invalid_json","message":")"));
  EXPECT_THAT(records[3],
              StartsWith(R"({"id":"x","format":1,"error":{"code":"bad_setting","message":")"));
  EXPECT_THAT(records[4],
              StartsWith(R"({"id":"y","format":1,"error":{"code":"prompt_too_long","message":")"));
  EXPECT_THAT(read(path("out.jsonl")), Not(HasSubstr("secret")));
}

// The library's own words for them are `truncate_prompt` and `prompt_column`.
TEST_F(BatchCliTest, ErrorsOfRowsNameOptions) {
  const std::string in = file(
      "in.jsonl", R"({"id":"x","prompt":")" + std::string(99, 's') + "\"}\n" + "{\"id\":\"y\"}\n");
  EXPECT_EQ(batch({in, "-o", path("out.jsonl"), "--seed", "7"}).status, 4);
  for (const std::string& text : {read(path("out.jsonl")), batch({in, "--check"}).out}) {
    EXPECT_THAT(text,
                AllOf(HasSubstr("keep its end with --truncate-prompt"),
                      HasSubstr("say with --prompt-column where it is"), Not(HasSubstr("`"))));
  }
}

TEST_F(BatchCliTest, OptionsOfAnotherCommandAreNamedAsOptionsToo) {
  const std::string in = file("in.jsonl", prompts(2));
  ASSERT_EQ(batch({in, "-o", path("1"), "--seed", "7", "--unordered"}).status, 0);
  const RunResult result = run({"merge", "-o", path("merged.jsonl"), path("1")});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("without --format txt and --unordered"));
}

TEST_F(BatchCliTest, CheckListsBadRowsAndWritesNothing) {
  const std::string in = file("in.jsonl", prompts(2) + "secret\n");
  const RunResult bad = batch({in, "--check"});
  EXPECT_EQ(bad.status, 4);
  EXPECT_THAT(bad.out, StartsWith("row 3 (line 3): invalid_json: "));
  EXPECT_THAT(bad.out, Not(HasSubstr("secret")));
  EXPECT_EQ(batch({file("good.jsonl", prompts(2)), "--check"}).status, 0);
  EXPECT_FALSE(fs::exists(path("out.jsonl")));
}

TEST_F(BatchCliTest, CsvAndTextOutputsAreMarkedAsMachineMade) {
  const std::string in = file("in.txt", "I feel\n\n");
  EXPECT_EQ(batch({in, "-o", path("out.csv"), "--format", "csv", "--seed", "7", "-n", "2"}).status,
            4);
  EXPECT_THAT(read(path("out.csv")),
              AllOf(StartsWith("id,prompt,index,text,"), HasSubstr("generated by a machine"),
                    HasSubstr("\n2,,,,,,,no_prompt,")));
  EXPECT_EQ(batch({in, "-o", path("out.txt"), "--format", "txt", "--seed", "7", "-n", "2"}).status,
            4);
  const auto lines = lines_of(read(path("out.txt")));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_THAT(lines[0], StartsWith("# This text was generated by a machine"));
  EXPECT_THAT(lines[1], StartsWith("I feel"));
  EXPECT_EQ(lines[3], "# error: no_prompt");
}

TEST_F(BatchCliTest, KilledItGoesOnToTheSameBytes) {
  const auto command = [&](const std::string& out) {
    return words({"-", "--input-format", "jsonl", "-o", out, "-n", "2", "--seed", "7"});
  };
  const std::string in = prompts(200);
  ASSERT_EQ(run(command(path("whole.jsonl")), {.input = in}).status, 0);
  std::uintmax_t written = 0;
  for (const int rows : {40, 80, 120}) {
    // It gets no further than these rows: the end of its input does not come.
    Process process(command(path("out.jsonl")), {.input = prompts(rows), .input_stays_open = true});
    EXPECT_TRUE(process.wait_for_file(path("out.jsonl"), written + 1));
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait().status, 128 + SIGKILL);
    written = fs::file_size(path("out.jsonl"));
  }
  const RunResult last = run(command(path("out.jsonl")), {.input = in});
  EXPECT_EQ(last.status, 0) << last.err;
  EXPECT_EQ(read(path("out.jsonl")), read(path("whole.jsonl")));
}

TEST_F(BatchCliTest, InterruptedItKeepsFinishedRowsAndSaysSo) {
  // It waits for more rows when the signal comes.
  Process process(words({"-", "--input-format", "jsonl", "-o", path("out.jsonl"), "--seed", "7"}),
                  {.input = prompts(20), .input_stays_open = true});
  EXPECT_TRUE(process.wait_for_file(path("out.jsonl"), 1));
  process.signal(SIGTERM);
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 130);
  EXPECT_THAT(result.err, HasSubstr("interrupted: "));
  const auto records = lines_of(read(path("out.jsonl")));
  EXPECT_GT(records.size(), 0U);
  for (const std::string& record : records) EXPECT_TRUE(Json::accept(record));
}

TEST_F(BatchCliTest, ChangesAreRefusedWithWhatDiffers) {
  const std::string in = file("in.jsonl", prompts(3));
  const std::string out = path("out.jsonl");
  ASSERT_EQ(batch({in, "-o", out, "--seed", "7"}).status, 0);
  expect_refusal(2, {in, "-o", out, "--seed", "8"},
                 {"settings.seed was 7 and is now 8", "--restart"});
  expect_refusal(2, {in, "-o", out, "--seed", "7", "--temperature", "0.9"},
                 {"temperature was 0.7"});
  write(in, prompts(4));
  expect_refusal(2, {in, "-o", out, "--seed", "7"}, {"input.rows was 3 and is now 4"});
  EXPECT_EQ(batch({in, "-o", out, "--seed", "8", "--restart"}).status, 0);
  EXPECT_EQ(lines_of(read(out)).size(), 4U);
}

TEST_F(BatchCliTest, WithoutASeedOneIsDrawnAndKept) {
  const std::string in = file("in.jsonl", prompts(3));
  const RunResult first = batch({in, "-o", path("out.jsonl")});
  EXPECT_EQ(first.status, 0);
  EXPECT_THAT(first.err, HasSubstr("repeat with --seed"));
  EXPECT_THAT(batch({in, "-o", path("out.jsonl")}).err, HasSubstr("nothing to do"));
}

TEST_F(BatchCliTest, RetryErrorsRedoesFailedRowsOnly) {
  const std::string in =
      file("in.jsonl", prompts(3) + R"({"id":"q","prompt":7})" + "\n" + prompts(0));
  const std::string out = path("out.jsonl");
  ASSERT_EQ(batch({in, "-o", out, "--seed", "7"}).status, 4);
  const auto before = lines_of(read(out));
  write(in, prompts(3) + R"({"id":"q","prompt":"mended"})" + "\n");
  const RunResult retried = batch({in, "-o", out, "--seed", "7", "--retry-errors"});
  EXPECT_EQ(retried.status, 0) << retried.err;
  EXPECT_THAT(retried.err, HasSubstr("this run 1 row,"));
  const auto after = lines_of(read(out));
  ASSERT_EQ(after.size(), 4U);
  EXPECT_EQ(std::vector<std::string>(after.begin(), after.begin() + 3),
            std::vector<std::string>(before.begin(), before.begin() + 3));
  EXPECT_EQ(Json::parse(after[3])["prompt"], "mended");
  EXPECT_THAT(batch({in, "-o", out, "--seed", "7"}).err, HasSubstr("nothing to do"));
  EXPECT_FALSE(fs::exists(out + ".retry"));
}

TEST_F(BatchCliTest, AJobOfAnotherJournalFormatIsRefusedAndLeftAsItIs) {
  const std::string in = file("in.jsonl", prompts(3) + "bad\n");
  const std::string out = path("out.jsonl");
  const std::string journal = out + ".journal";
  ASSERT_EQ(batch({in, "-o", out, "--seed", "7"}).status, 4);
  const std::string text = read(journal);
  const std::size_t line = text.find('\n');
  const std::string records = read(out);
  Json header = Json::parse(text.substr(17, line - 17));
  ASSERT_EQ(header["medgen_batch_journal"], 2);
  const std::string unfinished = text.substr(line, text.rfind('\n', text.size() - 2) + 1 - line);
  ASSERT_THAT(text.substr(line + unfinished.size()), HasSubstr("{\"done\":"));
  for (const int format : {1, 3}) {
    header["medgen_batch_journal"] = format;
    const std::string changed =
        base::sha256(header.dump()).substr(0, 16) + " " + header.dump() + unfinished;
    write(journal, changed);
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--retry-errors"}}) {
      std::vector<std::string> words = {in, "-o", out, "--seed", "7"};
      words.insert(words.end(), more.begin(), more.end());
      expect_refusal(2, words,
                     {out, "format " + std::to_string(format), "with the medgen that began it",
                      "again with --restart"});
      EXPECT_EQ(read(out), records);
      EXPECT_EQ(read(journal), changed);
    }
  }
  EXPECT_EQ(batch({in, "-o", out, "--seed", "7", "--restart"}).status, 4);
  EXPECT_EQ(read(out), records);
}

// As medgen 0.1 left it.
TEST_F(BatchCliTest, ACompleteJobOfAnOlderJournalHasNothingToDoUnlessItIsAnother) {
  const std::string in = file("in.jsonl", prompts(3) + "bad\n");
  const std::string out = path("out.jsonl");
  const std::string journal = out + ".journal";
  ASSERT_EQ(batch({in, "-o", out, "--seed", "7"}).status, 4);
  const std::string text = read(journal);
  const std::size_t line = text.find('\n');
  Json header = Json::parse(text.substr(17, line - 17));
  header["medgen_batch_journal"] = 1;
  header["job"]["medgen"] = "0.1.0";
  const std::string older =
      base::sha256(header.dump()).substr(0, 16) + " " + header.dump() + text.substr(line);
  write(journal, older);
  const RunResult again = batch({in, "-o", out});
  EXPECT_EQ(again.status, 4);
  EXPECT_THAT(again.err, HasSubstr("is complete: 4 rows, 1 failed; nothing to do"));
  expect_refusal(2, {in, "-o", out, "--seed", "8"}, {"format 1", "again with --restart"});
  expect_refusal(2, {in, "-o", out, "--retry-errors"}, {"format 1", "again with --restart"});
  EXPECT_EQ(read(journal), older);
}

TEST_F(BatchCliTest, ShardsOfOlderJournalsAreMergedAndStayOld) {
  const std::string in = file("in.jsonl", prompts(4));
  const auto set_format = [&](const std::string& shard, int format) {
    const std::string journal = path(shard) + ".journal";
    const std::string text = read(journal);
    const std::size_t line = text.find('\n');
    Json header = Json::parse(text.substr(17, line - 17));
    header["medgen_batch_journal"] = format;
    write(journal,
          base::sha256(header.dump()).substr(0, 16) + " " + header.dump() + text.substr(line));
  };
  for (const std::string i : {"1", "2"}) {
    ASSERT_EQ(batch({in, "-o", path(i), "--seed", "7", "--shard", i + "/2"}).status, 0);
  }
  const auto merge = [&] {
    return run({"merge", "-o", path("merged.jsonl"), "--restart", path("1"), path("2")});
  };
  set_format("1", 1);
  const RunResult mixed = merge();
  EXPECT_EQ(mixed.status, 2);
  EXPECT_THAT(mixed.err, HasSubstr("formats 1 and 2"));
  set_format("2", 1);
  EXPECT_EQ(merge().status, 0);
  EXPECT_THAT(read(path("merged.jsonl.journal")), HasSubstr("\"medgen_batch_journal\":1,"));
  set_format("2", 3);
  const RunResult newer = merge();
  EXPECT_EQ(newer.status, 2);
  EXPECT_THAT(newer.err, HasSubstr("2.journal was written in format 3"));
}

TEST_F(BatchCliTest, RowsWithAFieldNamedFormatAreRefused) {
  const std::string in = file("in.jsonl", R"({"id":"x","prompt":"p","format":"secret"})"
                                          "\n");
  EXPECT_EQ(batch({in, "-o", path("out.jsonl"), "--seed", "7"}).status, 4);
  EXPECT_THAT(read(path("out.jsonl")), HasSubstr("reserved_field"));
}

TEST_F(BatchCliTest, MaxErrorsIsKnownBeforeTheModelIsLoaded) {
  const std::string in = file("in.jsonl", "bad\nbad\n" + prompts(2));
  const RunResult result = batch({in, "-o", path("out.jsonl"), "--max-errors", "1"});
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, HasSubstr("nothing was run"));
  EXPECT_FALSE(fs::exists(path("out.jsonl")));
}

TEST_F(BatchCliTest, StatsAreJson) {
  const std::string in = file("in.jsonl", prompts(3));
  batch({in, "-o", path("out.jsonl"), "--seed", "7", "--stats", path("stats.json")});
  const Json stats = Json::parse(read(path("stats.json")));
  EXPECT_EQ(stats["ending"], "complete");
  EXPECT_EQ(stats["rows"], 3);
  EXPECT_GT(stats["run"]["tokens"], 0);
  EXPECT_GT(stats["run"]["peak_memory_bytes"], 1000000);
}

TEST_F(BatchCliTest, StatsGoIntoAPipeAndLeaveItOne) {
  const std::string in = file("in.jsonl", prompts(3));
  const std::string pipe = path("stats");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(batch({in, "-o", path("out.jsonl"), "--seed", "7", "--stats", pipe}).status, 0);
  EXPECT_TRUE(fs::is_fifo(pipe));
  char stats[4096];
  const ssize_t got = ::read(reader, stats, sizeof stats);
  ::close(reader);
  ASSERT_GT(got, 0);
  EXPECT_EQ(Json::parse(std::string(stats, static_cast<std::size_t>(got)))["rows"], 3);
}

TEST_F(BatchCliTest, WrongUsageIsRefused) {
  const std::string in = file("in.jsonl", prompts(1));
  const std::string out = path("out.jsonl");
  expect_refusal(2, {"-o", out}, {"INPUT"});
  expect_refusal(2, {in}, {"no output"});
  for (const char* shard : {"0/3", "4/3", "1", "/3", "1/", "a/b", "1/0", "-1/3", "1/3/5"}) {
    expect_refusal(2, {in, "-o", out, "--seed", "7", "--shard", shard}, {"shard", "I from 1 to N"});
  }
  expect_refusal(2, {in, "-o", out, "--shard", "1/3"}, {"--seed"});
  expect_refusal(2, {"-", "-o", out}, {"--input-format"});
  expect_refusal(2, {"-", in, "-o", out, "--input-format", "jsonl"}, {"alone"});
  expect_refusal(2, {in, "-o", in}, {"input and output"});
  expect_refusal(2, {file("a.json", "secret"), "-o", out}, {"--input-format"});
  expect_refusal(2, {in, "-o", out, "--slots", "0"}, {"slots is 0"});
  expect_refusal(2, {in, "-o", out, "--max-errors", "-1"}, {"max-errors is -1"});
  expect_refusal(2, {in, "-o", out, "--stats", "/nonexistent/s.json"}, {"/nonexistent/s.json"});
  expect_refusal(2, {in, "-o", out, "--temperature", "-1"}, {"temperature"});
  expect_refusal(2, {in, "-o", out, "--retry-errors"}, {"not a complete batch"});
  expect_refusal(2, {in, "-o", "-", "--retry-errors"}, {"--retry-errors"});
  expect_refusal(2, {in, "-o", "/dev/full"}, {"not a regular file"});
  expect_refusal(2, {in, "-o", "/dev/stdout"}, {"-o - for standard output"},
                 {.output_path = path("redirected")});
  expect_refusal(2, {in, "-o", file("mine.txt", "x")}, {"without its journal"});
  expect_refusal(2, {file("open.csv", "prompt\n\"secret\n"), "-o", out},
                 {"never closed", "line 2"});
  expect_refusal(2, {file("head.csv", "a secret text of a prompt\nx\n"), "-o", out},
                 {"--prompt-column"});
  expect_refusal(1, {"/nonexistent/in.jsonl", "-o", out}, {"/nonexistent/in.jsonl"});
  expect_refusal(1, {in, "-o", "/nonexistent/out.jsonl"},
                 {"/nonexistent/out.jsonl", "name a folder"});
  expect_refusal(1, {in, "-o", "-", "--seed", "7"}, {"No space left"},
                 {.output_path = "/dev/full"});
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace medgen::cli_tests
