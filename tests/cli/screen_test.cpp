// Identifiers of patients as a user meets them: `medgen screen`, and --identifiers of generate,
// batch, sweep and prepare. No finding's text may be printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

class ScreenCliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        scratch() /
        ("screen-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::create_directories(folder_);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string file(const std::string& name, const std::string& content) const {
    write(folder_ / name, content);
    return path(name);
  }
  RunResult batch(const std::string& input, const std::string& action,
                  const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"batch",
                                      "--model",
                                      MEDGEN_DEFAULT_MODEL,
                                      input,
                                      "--seed",
                                      "7",
                                      "--max-new-tokens",
                                      "2",
                                      "-n",
                                      "1",
                                      "-o",
                                      path("out.jsonl"),
                                      "--identifiers",
                                      action};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  Json record(std::size_t i) const { return Json::parse(lines_of(read(path("out.jsonl")))[i]); }

  fs::path folder_;
};

const std::string kRows =
    "{\"id\":\"a\",\"prompt\":\"I feel ill\"}\n"
    "{\"id\":\"b\",  \"prompt\":\"MRN 7654321 aches\"}\n";

TEST_F(ScreenCliTest, SaysWhereAndHowManyAndNeverWhat) {
  const std::string in = file("in.txt", "Dr. Okafor called.\n\nI feel ill, MRN 7654321\n");
  const RunResult result = run({"screen", in});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith(in + ":1:5: name, 6 characters\n" + in +
                                     ":3:17: record-number, 7 characters\n\n"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("name                   1\n"),
                                HasSubstr("other-number           0\n")));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("Okafor")));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("7654321")));
  EXPECT_THAT(result.err, HasSubstr("what may identify somebody was found in 2 of 2 rows"));
  EXPECT_EQ(run({"screen", "--fail", in}).status, 4);
  EXPECT_EQ(run({"screen", "--fail", file("none.txt", "I feel ill\n")}).status, 0);
}

TEST_F(ScreenCliTest, JsonHasAnObjectForEachFinding) {
  const std::string in = file("in.jsonl", kRows);
  const RunResult result = run({"screen", "--json", in});
  EXPECT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json, (Json{{"class", "record-number"},
                        {"file", in},
                        {"row", 2},
                        {"line", 2},
                        {"column", 5},
                        {"length", 7}}));
}

TEST_F(ScreenCliTest, MaskCopiesRowsInTheirFormat) {
  const auto copy = [&](const std::string& name, const std::string& content,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"screen", "--mask", file(name, content), "-o",
                                      path("masked-" + name)};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return read(path("masked-" + name));
  };
  EXPECT_EQ(copy("a.txt", "I feel ill\n\nMRN 7654321, seen 3/14/2021\n"),
            "I feel ill\n\nMRN [record-number], seen [date]\n");
  EXPECT_EQ(copy("a.jsonl", kRows),
            "{\"id\":\"a\",\"prompt\":\"I feel ill\"}\n"
            "{\"id\":\"b\",\"prompt\":\"MRN [record-number] aches\"}\n");
  EXPECT_EQ(copy("a.csv", "id,text\na,\"ill, MRN 7654321\"\nb,well\n", {"--prompt-column", "text"}),
            "id,text\na,\"ill, MRN [record-number]\"\nb,well\n");
  EXPECT_EQ(copy("a.tsv", "prompt\tx\nMRN 7654321\ty\n"), "prompt\tx\nMRN [record-number]\ty\n");
}

TEST_F(ScreenCliTest, ACopyThatCannotBeWrittenLeavesNothing) {
  const std::string in = file("in.jsonl", kRows);
  const RunResult missing = run({"screen", in, "--mask", "-o", path("none/out.jsonl")});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.err, HasSubstr("none/out.jsonl: No such file or directory; name a folder"));
  // A row whose quote never ends, after rows that were copied.
  const std::string open = file("open.csv", "prompt\nMRN 7654321 aches\n\"never\n");
  EXPECT_EQ(run({"screen", open, "--mask", "-o", path("half.csv")}).status, 2);
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("half.csv")));
  }
}

TEST_F(ScreenCliTest, RowsThatCannotBeReadAreToldAndNeverCopied) {
  const std::string in = file("in.jsonl", kRows + "{\"prompt\":7}\n");
  const RunResult result = run({"screen", in, "--mask", "-o", path("out.jsonl")});
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr(in + ":3: not searched"),
                                HasSubstr("1 row could not be read and was not")));
  EXPECT_EQ(lines_of(read(path("out.jsonl"))).size(), 2U);
}

TEST_F(ScreenCliTest, ContradictionsAreRefused) {
  const std::string in = file("in.txt", "x\n");
  const std::string there = file("there.txt", "kept");
  for (const auto& [words, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"screen", in, "--mask"}, "give -o FILE"},
           {{"screen", in, "-o", path("o.txt")}, "give --mask too"},
           {{"screen", in, in, "--mask", "-o", path("o.txt")}, "one FILE at a time"},
           {{"screen", in, "--mask", "-o", path("o.gz")}, "must not end in .gz"},
           {{"screen", in, "--mask", "-o", there}, "exists"},
           {{"screen", in, "--mask", "-o", in}, "both input and output"},
           {{"screen", "-"}, "--input-format"},
           {{"screen"}, "FILE"}}) {
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(read(there), "kept");
}

TEST_F(ScreenCliTest, BatchWarnsCountsAndMarksItsRecords) {
  const RunResult result = batch(file("in.jsonl", kRows), "warn");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("identifiers: 2 rows searched, found in 1 prompt "
                                    "(record-number 1; row 2) and in "));
  EXPECT_EQ(record(1)["prompt"], "MRN 7654321 aches");
  EXPECT_EQ(record(1)["provenance"]["identifiers"], "warn");
  EXPECT_TRUE(record(1)["provenance"]["identifiers_found"].is_array());
}

TEST_F(ScreenCliTest, BatchRefusesRowsWithoutQuotingThem) {
  const RunResult result = batch(file("in.jsonl", kRows), "refuse");
  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_EQ(record(1)["error"]["code"], "identifiers");
  EXPECT_THAT(
      record(1)["error"]["message"].get<std::string>(),
      AllOf(HasSubstr("record-number at column 5 (7 characters)"), Not(HasSubstr("7654321"))));
}

TEST_F(ScreenCliTest, BatchMasksBeforeTheModelSeesThePrompt) {
  ASSERT_EQ(batch(file("in.jsonl", kRows), "mask").status, 0);
  const Json masked = record(1);
  EXPECT_EQ(masked["prompt"], "MRN [record-number] aches");
  EXPECT_EQ(masked["provenance"]["identifiers"], "mask");
  // The same texts come from the masked prompt itself.
  fs::remove(path("out.jsonl"));
  fs::remove(path("out.jsonl.journal"));
  std::string rows = kRows;
  rows.replace(rows.find("7654321"), 7, "[record-number]");
  ASSERT_EQ(batch(file("masked.jsonl", rows), "off").status, 0);
  EXPECT_EQ(record(1)["completions"], masked["completions"]);
}

TEST_F(ScreenCliTest, NegativePromptsAreSearchedAsPromptsAre) {
  const std::string in =
      file("in.jsonl",
           "{\"prompt\":\"I feel ill\","
           "\"settings\":{\"negative_prompt\":\"MRN 7654321\",\"guidance_scale\":2}}\n");
  EXPECT_EQ(batch(in, "refuse").status, 4);
  EXPECT_THAT(record(0)["error"]["message"].get<std::string>(),
              HasSubstr("the negative prompt holds what may identify somebody: record-number"));
  ASSERT_EQ(batch(in, "mask", {"--restart"}).status, 0);
  EXPECT_THAT(read(path("out.jsonl")), AllOf(Not(HasSubstr("7654321")), HasSubstr("I feel ill")));
  const std::vector<std::string> of_all = {"--restart", "--guidance-scale", "2",
                                           "--negative-prompt", "MRN 7654321"};
  const std::string plain = file("plain.txt", "I feel ill\n");
  const RunResult refused = batch(plain, "refuse", of_all);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("the negative prompt holds"), Not(HasSubstr("7654321"))));
  const RunResult warned = batch(plain, "warn", of_all);
  EXPECT_EQ(warned.status, 0) << warned.err;
  EXPECT_THAT(warned.err, HasSubstr("in the negative prompt (record-number)"));
}

std::vector<int> ids_of(const std::string& text) {
  const RunResult result = run({"tokenize", "--json", "--tokenizer", MEDGEN_DEFAULT_MODEL, text});
  return Json::parse(result.out)["ids"].get<std::vector<int>>();
}

// Options under which the model recites `text`.
std::vector<std::string> reciting(const std::string& text) {
  const std::vector<int> ids = ids_of(text);
  Json biases = Json::array();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    biases.push_back({std::vector<int>(ids.begin(), end), 1000 * (i + 1)});
  }
  return {"--temperature",           "0", "--sequence-bias", biases.dump(), "--max-new-tokens",
          std::to_string(ids.size())};
}

TEST_F(ScreenCliTest, NegativePromptsOfTokenIdsAreSearchedAndNotMasked) {
  const std::string ids = Json(ids_of("MRN 7654321")).dump();
  const std::string in = file("in.jsonl",
                              "{\"prompt\":\"I feel ill\",\"settings\":{\"guidance_scale\":2,"
                              "\"negative_prompt_ids\":" +
                                  ids + "}}\n");
  for (const char* action : {"refuse", "mask"}) {
    EXPECT_EQ(batch(in, action, {"--restart"}).status, 4) << action;
    EXPECT_THAT(record(0)["error"]["message"].get<std::string>(),
                AllOf(HasSubstr("the negative prompt holds what may identify somebody: record-num"),
                      Not(HasSubstr("7654321"))));
  }
  const RunResult of_all =
      batch(file("plain.txt", "I feel ill\n"), "refuse",
            {"--restart", "--guidance-scale", "2", "--negative-prompt-ids", ids});
  EXPECT_EQ(of_all.status, 2);
  EXPECT_THAT(of_all.err, HasSubstr("the negative prompt holds"));
}

TEST_F(ScreenCliTest, GenerateSaysWhereInPromptAndTextsAndNeverWhat) {
  const auto generate = [](const std::string& action, std::vector<std::string> more) {
    std::vector<std::string> words = {"generate", "--model", MEDGEN_DEFAULT_MODEL, "--seed", "7",
                                      "-n",       "1",       "--identifiers",      action};
    if (more.size() < 4) more.insert(more.end(), {"--max-new-tokens", "2"});
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const RunResult warned = generate("warn", {"MRN 7654321 aches"});
  EXPECT_EQ(warned.status, 0) << warned.err;
  EXPECT_THAT(warned.err, AllOf(HasSubstr("found in the prompt (record-number at column 5 (7 "),
                                Not(HasSubstr("7654321"))));
  const RunResult refused = generate("refuse", {"MRN 7654321 aches"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, AllOf(HasSubstr("the prompt holds"), Not(HasSubstr("7654321"))));
  EXPECT_THAT(generate("mask", {"MRN 7654321 aches"}).out,
              AllOf(HasSubstr("MRN [record-number] aches"), Not(HasSubstr("7654321"))));
  const RunResult ids =
      generate("mask", {"--prompt-ids", Json(ids_of("MRN 7654321 aches")).dump()});
  EXPECT_EQ(ids.status, 2);
  EXPECT_THAT(ids.err, HasSubstr("in token ids nothing can be masked"));
  EXPECT_THAT(generate("warn", {"I feel ill"}).err, HasSubstr("none found in the prompt and 1 t"));

  std::vector<std::string> more = reciting(" phone 555-123-4567");
  more.emplace_back("Please call");
  const RunResult recited = generate("refuse", more);
  ASSERT_EQ(recited.status, 0) << recited.err;
  ASSERT_THAT(recited.out, HasSubstr("555-123-4567"));
  EXPECT_THAT(recited.err, AllOf(HasSubstr("found in the generated text 1 (telephone at column"),
                                 Not(HasSubstr("4567"))));
  more.emplace_back("--json");
  const Json record = Json::parse(generate("warn", more).out, nullptr, false);
  EXPECT_EQ(record["provenance"]["identifiers_found"], Json({"telephone"}));
  EXPECT_FALSE(Json::parse(generate("off", more).out)["provenance"].contains("identifiers"));
}

TEST_F(ScreenCliTest, SweepLooksAtPromptsSettingsAndTexts) {
  const auto sweep = [&](const std::string& action, const std::string& settings,
                         const std::vector<std::string>& more) {
    std::vector<std::string> words = {"sweep",
                                      file("in.txt", "I feel ill\nMRN 7654321 aches\n"),
                                      "--model",
                                      MEDGEN_DEFAULT_MODEL,
                                      "--seed",
                                      "7",
                                      "-o",
                                      path("sweep"),
                                      "--restart",
                                      "--identifiers",
                                      action,
                                      "--settings",
                                      file("settings.jsonl", settings)};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const std::string plain = "{\"name\":\"a\",\"top_k\":5,\"n\":1}\n";
  const auto records = [&] { return lines_of(read(path("sweep/samples.jsonl"))); };
  const std::vector<std::string> brief = {"--max-new-tokens", "2"};
  const RunResult masked = sweep("mask", plain, brief);
  EXPECT_EQ(masked.status, 0) << masked.err;
  EXPECT_THAT(masked.err, HasSubstr("2 rows searched, found in 1 prompt (record-number 1; row 2)"));
  EXPECT_EQ(Json::parse(records()[1])["prompt"], "MRN [record-number] aches");
  EXPECT_EQ(sweep("refuse", plain, brief).status, 4);

  std::vector<std::string> recite = reciting(" phone 555-123-4567");
  recite.erase(recite.begin(), recite.begin() + 2);
  const RunResult warned = sweep("warn", "{\"name\":\"a\",\"temperature\":0}\n", recite);
  EXPECT_EQ(warned.status, 0) << warned.err;
  EXPECT_THAT(warned.err, HasSubstr("in the texts generated for 2 rows (telephone 2"));
  EXPECT_EQ(Json::parse(records()[0])["provenance"]["identifiers_found"], Json({"telephone"}));

  const std::string negative =
      "{\"name\":\"a\",\"guidance_scale\":2,\"negative_prompt\":\"MRN 7654321\",\"n\":1}\n";
  const RunResult refused = sweep("refuse", negative, brief);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("the negative prompt holds"), Not(HasSubstr("765432"))));
  EXPECT_THAT(sweep("warn", negative, brief).err,
              HasSubstr("in the negative prompt (record-number)"));
}

TEST_F(ScreenCliTest, OffLeavesNoTraceAndAnotherChoiceIsAnotherJob) {
  const std::string in = file("in.jsonl", kRows);
  const RunResult off = batch(in, "off");
  ASSERT_EQ(off.status, 0) << off.err;
  EXPECT_THAT(off.err + read(path("out.jsonl")) + read(path("out.jsonl.journal")),
              Not(HasSubstr("identifiers")));
  const RunResult other = batch(in, "mask");
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("settings.identifiers"));
  const RunResult wrong = batch(in, "hide");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("mask"));
}

TEST_F(ScreenCliTest, PrepareCountsRefusesAndMasksDocuments) {
  const std::string in =
      file("docs.jsonl", "{\"text\":\"a small document\"}\n{\"text\":\"MRN 7654321, older\"}\n");
  const auto prepare = [&](const std::string& action) {
    return run({"prepare", "--tokenizer", checkpoint_tokenizer().string(), "--data", in,
                "--valid-fraction", "0", "--identifiers", action, "--output", path(action)});
  };
  const RunResult warned = prepare("warn");
  EXPECT_EQ(warned.status, 0) << warned.err;
  EXPECT_THAT(warned.err,
              HasSubstr("found in 1 document (record-number 1; first " + in + " document 2)"));
  const RunResult refused = prepare("refuse");
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr(in + ": document 2 holds"), Not(HasSubstr("7654321"))));
  EXPECT_FALSE(fs::exists(path("refuse")));
  EXPECT_EQ(prepare("off").status, 0);
  EXPECT_EQ(prepare("mask").status, 0);
  const auto tokens = [&](const std::string& action) {
    return read(path(action) + "/000-train.tokens");
  };
  EXPECT_EQ(tokens("off"), tokens("warn"));
  EXPECT_NE(tokens("off"), tokens("mask"));
  const auto settings = [&](const std::string& action) {
    return Json::parse(read(path(action) + "/prepare.json"))["settings"];
  };
  EXPECT_EQ(settings("mask")["identifiers"], "mask");
  EXPECT_FALSE(settings("off").contains("identifiers"));
}

TEST_F(ScreenCliTest, TrainRefusesToLookInTokens) {
  const std::string in = file("docs.txt", "a small document\n");
  ASSERT_EQ(run({"prepare", "--tokenizer", checkpoint_tokenizer().string(), "--data", in,
                 "--valid-fraction", "0", "--output", path("shards")})
                .status,
            0);
  const RunResult result = run({"train", "--data", path("shards"), "--work-dir", path("w"),
                                "--output", path("o"), "--identifiers", "warn"});
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("medgen prepare"));
}

}  // namespace
}  // namespace medgen::cli_tests
