// Outputs as tables: made by `batch --format csv` and by `export`, merged, retried, reproduced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

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

class TableCliTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    // Two formulas, a field that is named as a column, one that only some rows have, a bad row.
    rows_ = file("rows.jsonl",
                 "{\"id\":\"a\",\"prompt\":\"=I feel\",\"text\":\"mine\",\"n1\":1.10}\n"
                 "{\"id\":\"b\",\"prompt\":\"My knee\",\"text\":\"@x\"}\n"
                 "{\"id\":\"c\",\"prompt\":\"\"}\n"
                 "{\"id\":7,\"prompt_ids\":[40,41]}\n"
                 "{\"prompt\":\"\\\"Quoted\\\", and\",\"lang\":null,\"deep\":{\"a\":[1]}}\n");
  }
  RunResult batch(const std::string& in, const std::string& to,
                  const std::vector<std::string>& more = {}, const RunOptions& options = {}) const {
    std::vector<std::string> words = {
        "batch",  "--model", tiny_model(),       in, "-o", to, "-n", "2",
        "--seed", "7",       "--max-new-tokens", "5"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, options);
  }
  static RunResult reproduce(const std::string& file) {
    return run({"reproduce", "--model", tiny_model(), file});
  }
  std::string rows_;
};

TEST_F(TableCliTest, AnExportIsWhatABatchWouldHaveWritten) {
  ASSERT_EQ(batch(rows_, path("out.jsonl")).status, 4);
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--raw-cells"}}) {
    std::vector<std::string> words = {"--format", "csv", "--restart"};
    words.insert(words.end(), more.begin(), more.end());
    ASSERT_EQ(batch(rows_, path("out.csv"), words).status, 4);
    const std::string table = read(path("out.csv"));
    EXPECT_THAT(table, StartsWith("id,prompt,index,text,finish_reason,num_tokens,logprob,"
                                  "error_code,error_message,generated,notice,carried_text,n1,lang,"
                                  "deep,seed,provenance\n"));
    words = {"export", path("out.jsonl"), "--format", "csv"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run(words).out, table);
    EXPECT_EQ(table.find("\na,=I feel,") != std::string::npos, !more.empty());
    const RunResult made = reproduce(path("out.csv"));
    EXPECT_EQ(made.status, 0) << made.out;
    EXPECT_THAT(made.out, AllOf(HasSubstr("      4  equal"), HasSubstr("      1  skipped")));
  }
  const RunResult damaged = reproduce(file("damaged.csv", [&] {
    std::string table = read(path("out.csv"));
    return table.replace(table.find("My knee"), 7, "My hand");
  }()));
  EXPECT_EQ(damaged.status, 1);
}

TEST_F(TableCliTest, ShardsOfTablesMerge) {
  ASSERT_EQ(batch(rows_, path("whole.csv"), {"--format", "csv"}).status, 4);
  std::vector<std::string> merge = {"merge", "-o", path("merged.csv")};
  for (const std::string shard : {"1", "2", "3"}) {
    batch(rows_, path(shard + ".csv"), {"--format", "csv", "--shard", shard + "/3"});
    merge.push_back(path(shard + ".csv"));
  }
  EXPECT_EQ(run(merge).status, 4);
  EXPECT_EQ(read(path("merged.csv")), read(path("whole.csv")));
  EXPECT_THAT(batch(rows_, path("merged.csv"), {"--format", "csv"}).err,
              HasSubstr("nothing to do"));
  // Companion: lines that are gone are missed.
  std::string cut = read(path("2.csv"));
  write(path("2.csv"), cut.substr(0, cut.rfind('\n', cut.size() - 2) + 1));
  EXPECT_EQ(run({"merge", path("1.csv"), path("2.csv"), path("3.csv")}).status, 2);
}

TEST_F(TableCliTest, FailedRowsOfATableAreRunAgain) {
  ASSERT_EQ(batch(rows_, path("out.csv"), {"--format", "csv"}).status, 4);
  std::string mended = read(rows_);
  mended.replace(mended.find("\"c\",\"prompt\":\"\""), 15, "\"c\",\"prompt\":\"He\"");
  write(rows_, mended);
  const RunResult again = batch(rows_, path("out.csv"), {"--format", "csv", "--retry-errors"});
  EXPECT_EQ(again.status, 0) << again.err;
  ASSERT_EQ(batch(rows_, path("new.csv"), {"--format", "csv"}).status, 0);
  EXPECT_EQ(read(path("out.csv")), read(path("new.csv")));
}

TEST_F(TableCliTest, FieldsThatAreNotKnownBeforehandShareAColumn) {
  const RunResult made =
      batch("-", "-", {"--format", "csv", "--input-format", "jsonl"}, {.input_path = rows_});
  EXPECT_EQ(made.status, 4);
  EXPECT_THAT(made.out, AllOf(HasSubstr(",notice,carried,seed,provenance\n"),
                              HasSubstr(",\"{\"\"text\"\":\"\"mine\"\",\"\"n1\"\":1.10}\",7,")));
  EXPECT_EQ(reproduce(file("piped.csv", made.out)).status, 0);
}

TEST_F(TableCliTest, EveryFormOfOutputIsExported) {
  const auto lines = [&](const std::string& from) {
    const RunResult made = run({"export", from});
    EXPECT_EQ(made.status, 0) << made.err;
    return lines_of(made.out);
  };
  const RunResult json = run({"generate", "--model", tiny_model(), "--json", "--seed", "3", "-n",
                              "2", "--max-new-tokens", "4", "I feel"});
  EXPECT_EQ(lines(file("one.json", json.out)).size(), 3U);
  ASSERT_EQ(run({"sweep", "--model", tiny_model(), file("in.txt", "I feel\n"), "-o", path("s"),
                 "-n", "1", "--seed", "4", "--grid", "temperature=0.5,1", "--max-new-tokens", "4"})
                .status,
            0);
  EXPECT_THAT(lines(path("s/samples.jsonl")).at(2), HasSubstr(",temperature=1,4,"));
  const std::string openai =
      file("openai.jsonl",
           "{\"custom_id\":\"r\",\"response\":{\"status_code\":200,\"body\":{\"choices\":[{"
           "\"text\":\"b\",\"index\":1},{\"text\":\"a\",\"index\":0,\"logprobs\":{"
           "\"token_logprobs\":[-1.5]}}]}},\"error\":null}\n"
           "{\"custom_id\":\"q\",\"response\":{\"status_code\":429,\"body\":{\"error\":{\"code\":"
           "null,\"type\":\"rate_limit\",\"message\":\"too, many\"}}},\"error\":null}\n"
           "{\"custom_id\":\"p\",\"response\":null,\"error\":{\"code\":5,\"message\":\"m\"}}\n");
  const auto answers = lines(openai);
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_EQ(answers[1], "r,,0,a,,1,-1.5,,,,,,");
  EXPECT_EQ(answers[2], "r,,1,b,,,,,,,,,");
  EXPECT_EQ(answers[3], "q,,,,,,,rate_limit,\"too, many\",,,,");
  EXPECT_EQ(answers[4], "p,,,,,,,5,m,,,,");
  const auto texts =
      lines(file("texts.jsonl", "{\"text\":\"a\",\"who\":12345678901234567890123}\n"));
  EXPECT_EQ(texts.at(1), "1,,0,a,,,,,,,,12345678901234567890123,,");
}

TEST_F(TableCliTest, NothingIsOverwrittenOrHalfWritten) {
  const std::string out = file("out.csv", "mine\n");
  const std::string in = file("a.jsonl", "{\"text\":\"a\"}\n");
  EXPECT_EQ(run({"export", in, "-o", out}).status, 2);
  EXPECT_EQ(read(out), "mine\n");
  EXPECT_EQ(run({"export", in, "-o", out, "--restart"}).status, 0);
  EXPECT_THAT(read(out), StartsWith("id,prompt,"));
  EXPECT_EQ(run({"export", in, "-o", in, "--restart"}).status, 2);
  EXPECT_EQ(read(in), "{\"text\":\"a\"}\n");
  const RunResult broken =
      run({"export", file("b.jsonl", "{\"text\":\"a\"}\n{\"text\":\"secret\",}\n"), "-o",
           path("b.csv")});
  EXPECT_EQ(broken.status, 1);
  EXPECT_THAT(broken.err, AllOf(HasSubstr("line 2: not JSON"), Not(HasSubstr("secret"))));
  EXPECT_FALSE(fs::exists(path("b.csv")));
  EXPECT_EQ(run({"export", file("empty.jsonl", "\n")}).status, 2);
  EXPECT_EQ(run({"export", file("other.jsonl", "{\"a\":1}\n")}).status, 1);
}

}  // namespace
}  // namespace medgen::cli_tests
