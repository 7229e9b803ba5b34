// Records as tables, and tables as records.
#include "records/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "records/reader.h"
#include "records/writer.h"
#include "unit/base/blocks.h"
#include "unit/records/sample_record.h"

namespace medgen::records {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<TableLines> read_back(const std::string& table) {
  TableReader reader(base::text_blocks(table, 7), "t.csv");
  std::vector<TableLines> all;
  for (TableLines lines; reader.next(lines);) all.push_back(lines);
  return all;
}

std::string refusal(const std::string& table) {
  try {
    read_back(table);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TableTest, HoldsAllThatARecordNeedsToBeMadeAgain) {
  Record record = sample_record();
  record.prompt_ids = {7, 8};
  record.request.id = 18446744073709551615ULL;
  const TableColumns columns{.carried = {"lang"}};
  const Writer writer(
      {.model_name = "tiny", .model_sha256 = "abc", .backend = {}, .tokenizer = nullptr}, columns);
  for (const Form form : {Form::kCsv, Form::kRawCsv}) {
    const std::string lines = writer.write(record, form);
    const auto back =
        read_back(heading(form, columns) + lines + writer.write(failed_record(), form));
    ASSERT_EQ(back.size(), 2U);
    EXPECT_EQ(back[0].bytes, lines);
    Json expected = Json::parse(writer.write(record, Form::kJson));
    expected.erase("generated");
    expected.erase("notice");
    EXPECT_EQ(Json(back[0].record)["completions"], expected["completions"]);
    EXPECT_EQ(back[0].record["provenance"], expected["provenance"]);
    for (const char* member : {"id", "format", "prompt", "prompt_ids", "lang"}) {
      EXPECT_EQ(back[0].record[member], expected[member]) << member;
    }
    EXPECT_EQ(back[1].record["error"]["code"], "no_prompt");
    const RecordedRun run = RecordReader(back[0].record, {"t.csv", 2}).run();
    EXPECT_FALSE(run.obstacle) << *run.obstacle;
    EXPECT_EQ(run.key, record.request.id);
    EXPECT_EQ(run.settings.sampling.seed, record.request.sampling.seed);
  }
}

TEST(TableTest, FormulasAreHarmlessAndComeBackAsTheyWere) {
  for (const bool raw : {false, true}) {
    const TableColumns columns{.carried = {"=name", "plain"}, .raw = raw};
    for (const char* text : {"=1+2", "'=1", "''-x", "-5", "@a", "'a", ""}) {
      TableRecord record{.id = text, .prompt = text};
      record.texts = {{.index = 0, .text = text}};
      record.carried = {{"=name", Json(text).dump()}};
      record.provenance = Json{{"format", 1}};
      const std::string table = table_heading(columns) + table_lines(record, columns);
      const auto back = read_back(table);
      ASSERT_EQ(back.size(), 1U);
      EXPECT_EQ(back[0].record["prompt"], text);
      EXPECT_EQ(back[0].record["completions"][0]["text"], text);
      EXPECT_THAT(back[0].carried, ElementsAre(text, ""));
      EXPECT_EQ(table.find(",=1+2,") != std::string::npos, raw && text == std::string("=1+2"));
    }
  }
}

TEST(TableTest, NoTwoColumnsHaveOneName) {
  const TableColumns columns{.carried = {"text", "carried_text", "seed"}};
  EXPECT_THAT(
      table_heading(columns),
      HasSubstr(",notice,carried_carried_text,carried_text,carried_seed,seed,provenance\n"));
  EXPECT_THAT(table_heading({.together = true}), HasSubstr(",notice,carried,seed,"));
  const std::vector<Field> fields = {{"text", "\"a\""}, {"n", "1.10"}, {"no", "null"}};
  EXPECT_THAT(carried_cells(fields, columns), ElementsAre("a", "", ""));
  EXPECT_THAT(carried_cells(fields, {.carried = {"n", "no"}}), ElementsAre("1.10", ""));
  EXPECT_THAT(carried_cells(fields, {.together = true}),
              ElementsAre("{\"text\":\"a\",\"n\":1.10,\"no\":null}"));
}

TEST(TableTest, IsReadAsOtherProgramsWriteIt) {
  const auto back = read_back(
      "\"id\",\"text\",\"prompt\",\"index\",\"error_code\",\"provenance\",\"num_tokens\"\r\n"
      "1,a,p,0.0,,,3.0\r\n1,b,p,1.0,,,\r\n\r\n2,c,q,0.0,,,1.0\r\n3,,,,bad,,\r\n");
  ASSERT_EQ(back.size(), 3U);
  EXPECT_EQ(back[0].record["completions"].size(), 2U);
  EXPECT_EQ(back[0].record["completions"][0]["num_tokens"], 3U);
  EXPECT_EQ(back[1].record["prompt"], "q");
  EXPECT_EQ(back[1].line, 5U);
  EXPECT_TRUE(RecordReader(back[2].record, {"t.csv", 6}).failed());
}

TEST(TableTest, WhatIsNoneIsRefused) {
  const std::string head = "id,prompt,index,text,error_code,provenance,num_tokens\n";
  EXPECT_THAT(refusal(""), HasSubstr("has no column \"id\""));
  EXPECT_THAT(refusal("id,prompt\n"), HasSubstr("has no column \"index\""));
  EXPECT_THAT(refusal(head + "a,b\n"), HasSubstr("line 2: it has 2 fields, the header 7"));
  EXPECT_THAT(refusal(head + "a,b,0,t,,secret,\n"),
              ::testing::AllOf(HasSubstr("its provenance is not a JSON object"),
                               ::testing::Not(HasSubstr("secret"))));
  EXPECT_THAT(refusal(head + "a,b,0,t,,,x\n"), HasSubstr("its num_tokens is not a number"));
  EXPECT_THAT(refusal(head + "a,b,0,t,,,-1\n"), HasSubstr("not a whole number"));
  EXPECT_THAT(refusal(head + "a,\xFF,0,t,,,1\n"), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(refusal(head + "a,\"b\n"), HasSubstr("never closed"));
  EXPECT_EQ(refusal(head), "");
}

}  // namespace
}  // namespace medgen::records
