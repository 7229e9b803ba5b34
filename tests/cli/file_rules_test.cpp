// One way into every command that reads rows, records, references or settings: compressed, with a
// byte order mark, blank lines and padding, a file is what it is without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

class FileRulesCliTest : public FolderTest {
 protected:
  // Behind a byte order mark, in a member of gzip with zeros behind it, as NAME.gz.
  std::string packed(const std::string& name, const std::string& text) const {
    const std::string to = path(name + ".gz");
    gzFile out = gzopen(to.c_str(), "wb");
    gzputs(out, ("\xEF\xBB\xBF" + text).c_str());
    gzclose(out);
    write(to, read(to) + std::string(700, '\0'));
    return to;
  }
  // Where `words` hold FILE, the plain file or the other one stands; both give the same.
  void expect_same(const std::vector<std::string>& words, const std::string& name,
                   const std::string& plain, const std::string& other) const {
    const auto with = [&](const std::string& file) {
      std::vector<std::string> all = words;
      for (std::string& word : all) {
        if (word == "FILE") word = file;
      }
      return run(all);
    };
    const RunResult expected = with(file(name, plain));
    ASSERT_EQ(expected.status, 0) << words[0] << ": " << expected.err;
    const RunResult found = with(packed(name, other));
    EXPECT_EQ(found.status, 0) << words[0] << ": " << found.err;
    EXPECT_EQ(found.out, expected.out) << words[0];
  }
};

TEST_F(FileRulesCliTest, AFileIsTheSameHoweverItIsPacked) {
  const std::string model = tiny_model();
  const std::vector<std::string> lengths = {"--seed", "7", "--max-new-tokens", "4", "-n", "1"};
  const auto with_lengths = [&](std::vector<std::string> words) {
    words.insert(words.end(), lengths.begin(), lengths.end());
    return words;
  };
  const std::string rows = "{\"id\":\"a\",\"prompt\":\"I\"}\n{\"id\":\"b\",\"prompt\":\"My\"}\n";
  expect_same(with_lengths({"batch", "--model", model, "FILE", "-o", "-"}), "rows.jsonl", rows,
              rows);
  expect_same({"screen", "--skip-blank", "--quiet", "FILE"}, "screened.csv", "prompt\nMy knee\n",
              "prompt\n \nMy knee\n");
  const std::string texts = "{\"id\":1,\"text\":\"a b c\"}\n{\"id\":2,\"text\":\"a b d\"}\n";
  const std::string gaps =
      "\n{\"id\":1,\"text\":\"a b c\"}\n \t\r\n{\"id\":2,\"text\":\"a b d\"}\n";
  // Without a name of its own a setting is named after its file.
  const std::string samples = file("samples.jsonl", texts);
  expect_same({"metrics", samples, "--reference", "FILE", "--json", "--quiet"}, "people.jsonl",
              texts, gaps);
  expect_same({"eval", "--model", model, "--json", "--data", "FILE"}, "texts.jsonl", texts, gaps);
  const std::string choices = "{\"prompt\":\"I\",\"choices\":[\"a\",\"b\"],\"answer\":0}\n";
  expect_same({"eval", "--model", model, "--json", "--choices", "FILE"}, "choices.jsonl", choices,
              "\n" + choices + " \n");
  const RunResult made =
      run(with_lengths({"batch", "--model", model, path("rows.jsonl"), "-o", "-"}));
  expect_same({"reproduce", "--model", model, "FILE"}, "made.jsonl", made.out,
              "\n" + made.out + "\r\n");
  expect_same({"metrics", "FILE", "--json", "--quiet"}, "made.jsonl", made.out, "\n" + made.out);
  const std::string pack = "item,prompt,text,possible_bias\nT0001,p,t,no\nT0002,p,u,yes\n";
  const std::string key = file("key.csv", "item,setting\nT0001,warm\nT0002,cold\n");
  expect_same({"ratings", "FILE", key, "--json"}, "pack.csv", pack, pack + "\n");
}

TEST_F(FileRulesCliTest, SweepsTakeSettingsAndReferencesLikeAnyFile) {
  const std::string settings = "{\"name\":\"calm\",\"temperature\":0.5}\n";
  const std::string people = "{\"text\":\" a cough\"}\n";
  const std::string in = file("in.txt", "I feel\nMy knee\n");
  const auto sweep = [&](const std::string& to, const std::string& grid, const std::string& texts) {
    const RunResult result =
        run({"sweep", "--model", tiny_model(), in, "-o", path(to), "--settings", grid,
             "--reference", texts, "--seed", "7", "--max-new-tokens", "4", "-n", "2"});
    EXPECT_EQ(result.status, 0) << result.err;
    return read(path(to) + "/metrics.json");
  };
  EXPECT_EQ(sweep("plain", file("s.jsonl", settings), file("p.jsonl", people)),
            sweep("packed", packed("s.jsonl", "\n" + settings), packed("p.jsonl", "\n" + people)));
}

TEST_F(FileRulesCliTest, ShardsOfRowsThatAreNotBlankMergeToTheWhole) {
  const std::string in =
      file("in.jsonl",
           "{\"prompt\":\"I\"}\n\n\n{\"prompt\":\"My\"}\n  \n"
           "{\"prompt\":\"The\"}\n{\"prompt\":\"He\"}\n\n{\"prompt\":\"She\"}\n");
  const auto batch = [&](const std::string& to, const std::vector<std::string>& more) {
    std::vector<std::string> words = {
        "batch",  "--model", tiny_model(),       in,  "-o",          path(to),
        "--seed", "7",       "--max-new-tokens", "4", "--skip-blank"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult made = run(words);
    EXPECT_EQ(made.status, 0) << made.err;
  };
  batch("whole.jsonl", {});
  std::vector<std::string> merge = {"merge", "-o", path("merged.jsonl")};
  for (const std::string shard : {"1", "2", "3"}) {
    batch(shard + ".jsonl", {"--shard", shard + "/3"});
    merge.push_back(path(shard + ".jsonl"));
  }
  EXPECT_EQ(lines_of(read(path("1.jsonl"))).size(), 2U);
  EXPECT_EQ(lines_of(read(path("3.jsonl"))).size(), 1U);
  const RunResult merged = run(merge);
  EXPECT_EQ(merged.status, 0) << merged.err;
  EXPECT_EQ(read(path("merged.jsonl")), read(path("whole.jsonl")));
}

TEST_F(FileRulesCliTest, MetricsReadsPipelinesApisAndVllm) {
  const auto texts_of = [&](const std::string& name, const std::string& text) {
    const RunResult result = run({"metrics", file(name, text), "--json", "--resamples", "10"});
    EXPECT_EQ(result.status, 0) << name << result.err;
    const Json row = Json::parse(result.out)["settings"][0];
    return row["prompts"].dump() + " prompts, " + row["texts"].dump() + " texts, perplexity " +
           row["metrics"]["perplexity"]["value"].dump();
  };
  EXPECT_EQ(texts_of("pipeline.json", R"([[{"generated_text":"a b"},{"generated_text":"a c"}],)"
                                      R"([{"generated_text":"d"},{"generated_text":"e"}]])"),
            "2 prompts, 4 texts, perplexity null");
  EXPECT_EQ(texts_of("api.jsonl",
                     R"({"custom_id":"a","response":{"status_code":200,"body":{"choices":[{"text":)"
                     R"("x y","index":0,"logprobs":{"token_logprobs":[-1,-1]}}]}},"error":null})"
                     "\n"
                     R"({"custom_id":"b","response":{"status_code":400,"body":{"error":{}}}})"
                     "\n"
                     R"({"custom_id":"c","response":null,"error":{"message":"x"}})"
                     "\n"),
            "1 prompts, 1 texts, perplexity 2.718281828459045");
  EXPECT_EQ(
      texts_of("vllm.jsonl", R"({"request_id":"1","prompt":"p","outputs":[{"index":0,"text":"x",)"
                             R"("token_ids":[1,2],"cumulative_logprob":0}]})"
                             "\n"),
      "1 prompts, 1 texts, perplexity 1.0");
}

TEST_F(FileRulesCliTest, TheNumberOfALineIsNotTheIdOfAnother) {
  const auto prompts = [&](const std::string& name, const std::string& text) {
    const RunResult result = run({"metrics", file(name, text), "--json", "--resamples", "10"});
    return Json::parse(result.out)["settings"][0]["prompts"];
  };
  EXPECT_EQ(prompts("a.jsonl", "{\"id\":2,\"text\":\"a b\"}\n{\"text\":\"a c\"}\n"), 2);
  EXPECT_EQ(prompts("b.jsonl", "{\"id\":2,\"text\":\"a b\"}\n{\"id\":2.0,\"text\":\"a c\"}\n"), 1);
}

TEST_F(FileRulesCliTest, NoNameOfASettingIsAFormulaInATable) {
  const std::string in = file("a.jsonl",
                              "{\"id\":1,\"text\":\"a b\",\"setting\":\"=1+2\"}\n"
                              "{\"id\":1,\"text\":\"a c\",\"setting\":\"calm\"}\n");
  const auto table = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"metrics", in, "--csv", path("m.csv"), "--resamples", "10"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run(words).status, 0);
    return read(path("m.csv"));
  };
  EXPECT_THAT(table({}), AllOf(HasSubstr("\n'=1+2,false,"), Not(HasSubstr("\n=1+2"))));
  EXPECT_THAT(table({"--raw-cells"}), HasSubstr("\n=1+2,false,"));
  EXPECT_EQ(run({"metrics", in, "--raw-cells"}).status, 2);
}

}  // namespace
}  // namespace medgen::cli_tests
