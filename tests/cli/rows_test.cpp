// Files of prompts as people have them, from the outside.
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
using Json = nlohmann::ordered_json;

class RowsCliTest : public FolderTest {
 protected:
  static RunResult medgen(const std::string& command, const std::vector<std::string>& more,
                          const RunOptions& options = {}) {
    std::vector<std::string> all = {command, "--model", tiny_model()};
    all.insert(all.end(), more.begin(), more.end());
    return run(all, options);
  }
  static RunResult batch(std::vector<std::string> more, const RunOptions& options = {}) {
    more.insert(more.end(), {"--seed", "7", "--max-new-tokens", "4"});
    return medgen("batch", more, options);
  }
  static std::vector<Json> records(const std::string& lines) {
    std::vector<Json> all;
    for (const std::string& line : lines_of(lines)) all.push_back(Json::parse(line));
    return all;
  }
};

TEST_F(RowsCliTest, AFeverIsNoTemperatureUnlessTheUserSaysSo) {
  for (const std::string& in :
       {file("a.csv", "id,prompt,temperature\nv1,I feel,38.2\n"),
        file("a.jsonl",
             "{\"prompt\":\"I cough\"}\n{\"prompt\":\"I feel\",\"temperature\":38.2}\n")}) {
    const RunResult refused = batch({in, "-o", path("out")});
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("--row-settings temperature"),
                                   HasSubstr("--carry temperature"), Not(HasSubstr("38.2"))));
    EXPECT_FALSE(fs::exists(path("out")));
    EXPECT_FALSE(fs::exists(path("out.journal")));
    const Json carried = records(batch({in, "-o", "-", "--carry", "temperature"}).out).back();
    EXPECT_EQ(carried["provenance"]["sampling"]["temperature"], 0.7);
    EXPECT_TRUE(carried["temperature"] == 38.2 || carried["temperature"] == "38.2");
    const Json set = records(batch({in, "-o", "-", "--row-settings", "temperature"}).out).back();
    EXPECT_EQ(set["provenance"]["sampling"]["temperature"], 38.2);
    EXPECT_FALSE(set.contains("temperature"));
  }
}

TEST_F(RowsCliTest, CheckListsRowsWithUnclearFields) {
  const std::string in = file("a.jsonl", "{\"prompt\":\"I\"}\n{\"prompt\":\"I\",\"n\":2}\n");
  const RunResult checked = batch({in, "--check"});
  EXPECT_EQ(checked.status, 4);
  EXPECT_THAT(checked.out, AllOf(HasSubstr("row 2 (line 2): unclear_field"),
                                 HasSubstr("--row-settings n"), HasSubstr("--carry n")));
  // What was read from a pipe is known only row by row.
  const RunResult piped = batch({"-", "-o", "-", "--input-format", "jsonl"}, {.input_path = in});
  EXPECT_EQ(piped.status, 4);
  EXPECT_EQ(records(piped.out).at(1)["error"]["code"], "unclear_field");
}

TEST_F(RowsCliTest, TheJournalKnowsWhatFieldsAre) {
  const std::string in = file("a.jsonl", "{\"prompt\":\"I\",\"n\":2}\n");
  EXPECT_EQ(batch({in, "-o", path("out"), "--row-settings", "n"}).status, 0);
  const RunResult other = batch({in, "-o", path("out"), "--carry", "n"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("row_settings"));
  EXPECT_THAT(batch({in, "-o", path("out"), "--row-settings", "n"}).err,
              HasSubstr("nothing to do"));
}

TEST_F(RowsCliTest, NearlySettingsAreNamedOnce) {
  const std::string in = file("a.jsonl",
                              "{\"prompt\":\"I\",\"max_tokens\":2}\n"
                              "{\"prompt\":\"My\",\"max_tokens\":3}\n");
  const RunResult told = batch({in, "-o", path("out")});
  EXPECT_EQ(told.status, 0);
  const std::size_t first = told.err.find("\"max_tokens\"");
  ASSERT_NE(first, std::string::npos) << told.err;
  EXPECT_THAT(told.err, HasSubstr("\"max_new_tokens\""));
  EXPECT_EQ(told.err.find("the field \"max_tokens\"", first), std::string::npos) << told.err;
  EXPECT_THAT(batch({in, "-o", "-", "--carry", "max_tokens"}).err, Not(HasSubstr("max_tokens")));
}

TEST_F(RowsCliTest, RowsWithNoSettingsOfThatNameAndMisspeltNamesAreTold) {
  const std::string in = file("a.jsonl", "{\"prompt\":\"I\"}\n");
  EXPECT_EQ(batch({in, "-o", "-", "--row-settings", "n"}).status, 0);
  const RunResult misspelt = batch({in, "-o", "-", "--row-settings", "temprature"});
  EXPECT_EQ(misspelt.status, 2);
  EXPECT_THAT(misspelt.err, HasSubstr("did you mean \"temperature\""));
  EXPECT_EQ(batch({in, "-o", "-", "--row-settings", "n", "--carry", "n"}).status, 2);
  EXPECT_EQ(batch({in, "-o", "-", "--row-settings", "n,,top_p"}).status, 2);
}

TEST_F(RowsCliTest, ASweepOffersToCarryOnly) {
  const std::string in = file("a.jsonl", "{\"prompt\":\"I\",\"temperature\":38.2}\n");
  const RunResult refused = medgen("sweep", {in, "-o", path("out"), "--grid", "top_k=1,2"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("--carry temperature"), Not(HasSubstr("--row-settings"))));
}

TEST_F(RowsCliTest, NumbersKeepTheirDigits) {
  const std::string in =
      file("a.jsonl",
           "{\"id\":12345678901234567890123,\"prompt\":\"I\"}\n"
           "{\"id\":9007199254740993,\"prompt\":\"I\",\"patient\":12345678901234567890123,"
           "\"g\":1.0,\"h\":1e2,\"i\":1.10,\"j\":\"\\u00e9\"}\n");
  const RunResult made = batch({in, "-o", path("out"), "-n", "1"});
  EXPECT_EQ(made.status, 0) << made.err;
  const std::string out = read(path("out"));
  EXPECT_THAT(out, AllOf(HasSubstr("{\"id\":\"12345678901234567890123\","),
                         HasSubstr("{\"id\":9007199254740993,"),
                         HasSubstr("\"patient\":12345678901234567890123,\"g\":1.0,\"h\":1e2,"
                                   "\"i\":1.10,\"j\":\"\\u00e9\",")));
  // And a retry knows the rows again.
  EXPECT_EQ(medgen("reproduce", {path("out")}).status, 0);
}

TEST_F(RowsCliTest, TakesWhatPandasWrites) {
  const std::string csv = file("a.csv", "id,prompt,n,seed\n1.0,My knee,3.0,\n2.0,My hip,,7.0\n");
  const std::string jsonl = file("a.jsonl",
                                 "{\"id\":1.0,\"prompt\":\"My knee\",\"n\":3.0}\n"
                                 "{\"id\":2.0,\"prompt\":\"My hip\",\"n\":null}\n");
  for (const std::string& in : {csv, jsonl}) {
    const RunResult made = batch({in, "-o", "-", "-n", "2", "--row-settings", "all"});
    EXPECT_EQ(made.status, 0) << made.err;
    const std::vector<Json> all = records(made.out);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0]["completions"].size(), 3U);
    EXPECT_EQ(all[1]["completions"].size(), 2U);
    EXPECT_EQ(all[1]["provenance"]["seed"], 7);
  }
  // The number 1.0 is the number 1.
  const std::string one =
      file("b.jsonl", "{\"id\":1,\"prompt\":\"My knee\",\"settings\":{\"n\":3}}\n");
  EXPECT_EQ(records(batch({one, "-o", "-"}).out).at(0)["completions"],
            records(batch({jsonl, "-o", "-", "--row-settings", "n"}).out).at(0)["completions"]);
}

TEST_F(RowsCliTest, ReproduceNamesANumberThatWasRounded) {
  const std::string in = file("a.jsonl", "{\"prompt\":\"My knee\"}\n");
  Json made = records(medgen("batch", {in, "-o", "-", "--seed", "10273948491240133441"}).out).at(0);
  EXPECT_EQ(made["provenance"]["seed"], "10273948491240133441");
  made["provenance"]["seed"] = 10273948491240133000ULL;
  const RunResult told = medgen("reproduce", {file("rounded.jsonl", made.dump() + "\n")});
  EXPECT_EQ(told.status, 1);
  EXPECT_THAT(told.out, AllOf(HasSubstr("seed is 10273948491240133000"), HasSubstr("rounded")));
  made["provenance"]["seed"] = 10273948491240133441ULL;  // as medgen 0.1 wrote it
  EXPECT_EQ(medgen("reproduce", {file("number.jsonl", made.dump() + "\n")}).status, 0);
}

TEST_F(RowsCliTest, TablesOfOtherProgramsAreReadAsTheyAreSaid) {
  const auto prompt_of = [&](const std::string& in, const std::vector<std::string>& more) {
    std::vector<std::string> words = {in, "-o", "-", "-n", "1"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult made = batch(words);
    EXPECT_EQ(made.status, 0) << made.err;
    const std::vector<Json> all = records(made.out);
    return all.empty() ? std::string() : all.back()["prompt"].get<std::string>();
  };
  const std::string semicolons = file("a.csv", "id;prompt\r\na;\"I cough; and\"\r\n");
  EXPECT_EQ(prompt_of(semicolons, {"--delimiter", ";"}), "I cough; and");
  EXPECT_EQ(prompt_of(semicolons, {"--delimiter", "auto"}), "I cough; and");
  EXPECT_EQ(prompt_of(file("t.csv", "id\tprompt\na\tI, too\n"), {"--delimiter", "tab"}), "I, too");
  EXPECT_EQ(prompt_of(file("c.csv", "id,prompt\ra,I cough\rb,My knee\r"), {}), "My knee");
  EXPECT_EQ(prompt_of(file("m.txt", "I cough\rMy knee\r"), {}), "My knee");
  EXPECT_EQ(prompt_of(file("w.csv", "prompt\nT\xEAte \x80\n"), {"--encoding", "windows-1252"}),
            "T\xC3\xAAte \xE2\x82\xAC");
  std::string utf16("\xFF\xFE", 2);
  for (const char letter : std::string("prompt\nMy knee\n")) utf16 += {letter, '\0'};
  EXPECT_EQ(prompt_of(file("u.csv", utf16), {"--encoding", "utf-16"}), "My knee");
  // And what is not said is named.
  const auto refusal = [&](const std::vector<std::string>& words) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"-o", path("out")});
    const RunResult refused = batch(all);
    EXPECT_EQ(refused.status, 2) << refused.err;
    EXPECT_FALSE(fs::exists(path("out")));
    return refused.err;
  };
  EXPECT_THAT(refusal({semicolons}),
              AllOf(HasSubstr("\"id;prompt\""), HasSubstr("--delimiter \";\"")));
  EXPECT_THAT(refusal({path("u.csv")}), HasSubstr("--encoding utf-16"));
  EXPECT_THAT(refusal({path("w.csv"), "--encoding", "utf-16"}), HasSubstr("the mark of UTF-16"));
  EXPECT_THAT(refusal({semicolons, "--delimiter", ";;"}), HasSubstr("one character"));
  EXPECT_THAT(refusal({file("two.csv", "a,b;prompt\n"), "--delimiter", "auto"}),
              HasSubstr("two separators"));
  const RunResult undefined =
      batch({file("x.txt", "I cough\nT\x81te\n"), "--check", "--encoding", "windows-1252"});
  EXPECT_EQ(undefined.status, 4);
  EXPECT_THAT(undefined.out, HasSubstr("row 2 (line 2): invalid_encoding: windows-1252"));
}

TEST_F(RowsCliTest, TheFirstRowsAndNoBlankOnes) {
  const std::string in =
      file("a.jsonl", "{\"prompt\":\"I\"}\n\n{\"prompt\":\"My\"}\n  \n{\"prompt\":\"The\"}\n");
  const auto ids = [&](const std::vector<std::string>& more, int status) {
    std::vector<std::string> words = {in, "-o", "-", "-n", "1"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult made = batch(words);
    EXPECT_EQ(made.status, status) << made.err;
    std::string list;
    for (const Json& record : records(made.out)) list += record["id"].dump() + " ";
    return list;
  };
  EXPECT_EQ(ids({}, 4), "1 2 3 4 5 ");
  EXPECT_EQ(ids({"--skip-blank"}, 0), "1 3 5 ");
  EXPECT_EQ(ids({"--limit", "3"}, 4), "1 2 3 ");
  EXPECT_EQ(ids({"--limit", "3", "--skip-blank"}, 0), "1 3 ");
  EXPECT_EQ(batch({in, "-o", "-", "--limit", "0"}).status, 2);
  const RunResult whole = batch({in, "-o", path("whole"), "-n", "1", "--skip-blank"});
  EXPECT_EQ(whole.status, 0);
  EXPECT_THAT(batch({in, "-o", path("whole"), "-n", "1", "--skip-blank"}).err,
              HasSubstr("nothing to do"));
  EXPECT_THAT(batch({in, "-o", path("whole"), "-n", "1"}).err, HasSubstr("skip_blank"));
}

TEST_F(RowsCliTest, TheNumberOfARowIsNotTheIdOfAnother) {
  const auto codes = [&](const std::string& name, const std::string& rows) {
    std::string list;
    for (const Json& record : records(batch({file(name, rows), "-o", "-", "-n", "1"}).out)) {
      list += record.contains("error") ? record["error"]["code"].get<std::string>() + " " : "- ";
    }
    return list;
  };
  EXPECT_EQ(
      codes("a.jsonl",
            "{\"id\":2,\"prompt\":\"I\"}\n{\"prompt\":\"I\"}\n{\"id\":\"2\",\"prompt\":\"I\"}\n"),
      "- duplicate_id duplicate_id ");
  EXPECT_EQ(codes("b.jsonl",
                  "{\"prompt\":\"I\"}\n{\"prompt\":\"I\"}\n{\"id\":\"1\",\"prompt\":\"I\"}\n{"
                  "\"id\":\"01\",\"prompt\":\"I\"}\n"),
            "- - duplicate_id - ");
  EXPECT_EQ(
      codes("c.jsonl",
            "{\"id\":\"a\",\"prompt\":\"I\"}\n{\"prompt\":\"I\"}\n{\"id\":1,\"prompt\":\"I\"}\n"),
      "- - - ");
}

TEST_F(RowsCliTest, OpenAisFormIsAnsweredAsItsApiDoes) {
  const auto row = [](const std::string& id, const std::string& body) {
    return R"({"custom_id":)" + id + R"(,"method":"POST","url":"/v1/completions","body":)" + body +
           "}\n";
  };
  const std::string in =
      file("a.jsonl",
           row("\"a\"", R"({"prompt":"I","max_tokens":3,"logprobs":2,"n":2,"best_of":2})") +
               row("7", R"({"prompt":"I","secret":1})") + row("\"broken\"", R"({"prompt":"I",})"));
  const RunResult made = batch({in, "-o", path("out")});
  EXPECT_EQ(made.status, 4);
  const std::vector<Json> all = records(read(path("out")));
  ASSERT_EQ(all.size(), 3U);
  const Json& choices = all[0]["response"]["body"]["choices"];
  ASSERT_EQ(choices.size(), 2U);
  const Json& logprobs = choices[1]["logprobs"];
  EXPECT_EQ(logprobs["tokens"].size(), logprobs["token_logprobs"].size());
  EXPECT_EQ(logprobs["top_logprobs"].size(), logprobs["text_offset"].size());
  EXPECT_EQ(all[1]["custom_id"], "7");
  EXPECT_EQ(all[2]["custom_id"], "broken");
  for (const std::size_t i : {1, 2}) {
    EXPECT_EQ(all[i]["error"], nullptr);
    EXPECT_EQ(all[i]["response"]["status_code"], 400);
    EXPECT_TRUE(all[i]["response"]["body"]["error"]["message"].is_string());
  }
  // Failed rows are run again, and the others known by their id.
  EXPECT_EQ(batch({in, "-o", path("out"), "--retry-errors"}).status, 4);
  EXPECT_EQ(records(read(path("out"))), all);
}

TEST_F(RowsCliTest, SeveralPromptsInABodyAreAnsweredInTheirOrder) {
  const auto row = [](const std::string& body) {
    return R"({"custom_id":"a","method":"POST","url":"/v1/completions","body":)" + body + "}\n";
  };
  const auto choices = [&](const std::string& body, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {file("a.jsonl", row(body)), "-o", "-"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult made = batch(words);
    EXPECT_EQ(made.status, 0) << made.err;
    return records(made.out).at(0)["response"]["body"];
  };
  const Json body =
      choices(R"({"prompt":["I feel","My knee",[40,41]],"n":2,"max_tokens":4,"logprobs":1})");
  ASSERT_EQ(body["choices"].size(), 6U);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(body["choices"][i]["index"], i);
  EXPECT_EQ(body["usage"]["completion_tokens"], 24);
  // The first is answered as it is alone, and each by its own random numbers.
  const Json alone = choices(R"({"prompt":"I feel","n":2,"max_tokens":4,"logprobs":1})");
  EXPECT_EQ(alone["choices"][1], body["choices"][1]);
  const Json same = choices(R"({"prompt":["I feel","I feel"],"max_tokens":4})");
  EXPECT_EQ(same["choices"][0]["text"], alone["choices"][0]["text"]);
  EXPECT_NE(same["choices"][0]["text"], same["choices"][1]["text"]);
  EXPECT_EQ(choices(R"({"prompt":["I feel","I feel"],"max_tokens":4})", {"--slots", "1"}), same);
  // One that cannot be run fails the row, and is named.
  const RunResult failed = batch(
      {file("b.jsonl", row(R"({"prompt":["I feel",""]})") + row(R"({"prompt":["I",[99999]]})")),
       "-o", "-", "--trust-ids"});
  EXPECT_EQ(failed.status, 4);
  EXPECT_EQ(records(failed.out).at(0)["response"]["body"]["error"]["code"], "no_prompt");
  EXPECT_THAT(records(failed.out).at(1)["response"]["body"]["error"]["message"].get<std::string>(),
              HasSubstr("prompt 2 of 2: "));
  // A mark is put into each.
  const RunResult masked =
      batch({file("c.jsonl", row(R"({"prompt":["I feel","MRN 7654321 and"]})")), "-o", "-",
             "--format", "txt", "--identifiers", "mask"});
  EXPECT_THAT(masked.out, AllOf(HasSubstr("MRN [record-number] and"), Not(HasSubstr("7654321"))));
}

TEST_F(RowsCliTest, ControlCharactersOfARowNeverReachATerminal) {
  const std::string in = file("a.jsonl",
                              "{\"prompt\":\"knee\",\"top_P\\u001b]0;X\\u0007\\u001b[31m\":1}\n"
                              "{\"prompt\":\"knee\",\"sampler_order\":\"x\\u001b]0;X\\u0007\"}\n"
                              "{\"prompt\":\"knee\",\"settings\":{\"top_k\\u001b[31m\":1}}\n");
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--check"}, {"--check", "--row-settings", "all"}, {"-o", "-"}}) {
    std::vector<std::string> words = {in};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult made = batch(words);
    EXPECT_NE(made.status, 0);
    EXPECT_THAT(made.out + made.err, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\x07"))));
  }
  const RunResult table = batch({file("a.csv", "prompt;a\x1b[31m\nknee;1\n"), "-o", path("out")});
  EXPECT_EQ(table.status, 2);
  EXPECT_THAT(table.err, AllOf(HasSubstr("\\u001b"), Not(HasSubstr("\x1b"))));
}

TEST_F(RowsCliTest, WhateverARowSaysIsTakenOrRefusedByName) {
  const std::string in =
      file("a.jsonl",
           "{\"id\":\"a\",\"prompt\":\"knee\",\"notice\":\"x\",\"id2\":1}\n"
           "{\"id\":null,\"prompt\":\"knee\"}\n"
           "{\"id\":\"\",\"prompt\":\"x\"}\n"
           "{\"id\":true,\"prompt\":\"x\"}\n"
           "{\"prompt\":\"x\",\"max_tokens\":5}\n"
           "{\"id\":\"z\",\"prompt\":\"x\",\"top_P\":0.5}\n"
           "{\"id\":\"y\",\"prompt\":\"x\",\"n\":2,\"num_return_sequences\":3}\n"
           "{\"id\":\"w\",\"prompt\":\"x\",\"stop\":null,\"temperature\":\"warm\"}\n"
           "{\"id\":\"v\",\"prompt\":\"x\",\"score\":Infinity}\n"
           "{\"id\":\"u\",\"prompt\":\"x\",\"score\":1e400}\n");
  const RunResult checked = batch({in, "--check", "--row-settings", "all"});
  EXPECT_EQ(checked.status, 4);
  EXPECT_THAT(checked.out,
              AllOf(HasSubstr("row 1 (line 1): reserved_field: the field \"notice\""),
                    HasSubstr("row 3 (line 3): bad_id"), HasSubstr("row 4 (line 4): bad_id"),
                    HasSubstr("row 7 (line 7): bad_setting: n and num_return_sequences"),
                    HasSubstr("row 8 (line 8): bad_setting: temperature"),
                    HasSubstr("row 9 (line 9): invalid_json: it is not valid JSON (column 32: "),
                    HasSubstr("row 10 (line 10): invalid_json: ")));
  EXPECT_THAT(checked.err, AllOf(HasSubstr("10 rows, 7 bad"), HasSubstr("\"max_new_tokens\""),
                                 HasSubstr("\"top_p\"")));
}

TEST_F(RowsCliTest, BrokenJsonIsNamedWithItsCauseAndColumn) {
  const std::string in = file("a.jsonl",
                              "{\"prompt\":\"I\"}\n{\"prompt\":\"secret\",\"x\":NaN}\n"
                              "{\"prompt\":\"secret\",}\n{\"prompt\":\"\\ud800 secret\"}\n"
                              "{\"a\":1,\"prompt\":\"secret\",\"a\":2}\n");
  const RunResult checked = batch({in, "--check"});
  EXPECT_EQ(checked.status, 4);
  EXPECT_THAT(checked.out,
              AllOf(HasSubstr("row 2 (line 2): invalid_json: it is not valid JSON (column 24: NaN"),
                    HasSubstr("(column 19: a comma before a closing bracket)"),
                    HasSubstr("(column 12: half of a pair of surrogates"),
                    HasSubstr("a field is given twice (column 26)"), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace medgen::cli_tests
