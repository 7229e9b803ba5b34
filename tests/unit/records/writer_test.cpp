// How a record looks in each form, byte by byte where that is the format.
#include "records/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/records/sample_record.h"

namespace medgen::records {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(RecordWriterTest, JsonIsOneLineWithKeysInOrder) {
  const Record record = sample_record();
  const std::string line = sample_writer().write(record, Form::kJson);
  ASSERT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_THAT(line,
              StartsWith(R"({"id":"a","format":1,"prompt":"I \"feel\"","lang":"en","completions":[)"
                         R"({"index":0,"text":" a","finish_reason":"eos","num_tokens":2,)"
                         R"("logprob":-1.5},{"index":1,)"));
  EXPECT_THAT(line, HasSubstr(R"("provenance":{"medgen":")"));
  EXPECT_THAT(
      line,
      HasSubstr(R"("model":{"name":"tiny","sha256":"abc"},"backend":"native","precision":"fp32",)"
                R"("seed":"18446744073709551615","sampling":{"temperature":0.7,"top_k":50,)"));
  EXPECT_THAT(line, HasSubstr(R"(},"generated":true,"notice":")"));
  EXPECT_TRUE(Json::accept(line));
}

TEST(RecordWriterTest, NumbersBeyondDoublesAndKeysAreText) {
  Record record = sample_record();
  record.request.sampling.seed = (std::uint64_t{1} << 53U) - 1;
  EXPECT_THAT(sample_writer().write(record, Form::kJson),
              AllOf(HasSubstr(R"("seed":9007199254740991,)"), HasSubstr(R"("key":"12",)")));
  record.request.sampling.seed += 1;
  record.request.id = 18446744073709551615ULL;
  EXPECT_THAT(sample_writer().write(record, Form::kOpenAi),
              AllOf(HasSubstr(R"("seed":"9007199254740992",)"),
                    HasSubstr(R"("key":"18446744073709551615",)")));
}

TEST(RecordWriterTest, CarriedFieldsKeepTheirSpelling) {
  Record record = sample_record();
  record.extras = {{"a\"b", "1.10"}, {"big", "[12345678901234567890123,\"\\u00e9\"]"}};
  const std::string line = sample_writer().write(record, Form::kJson);
  EXPECT_THAT(line, HasSubstr(R"(","a\"b":1.10,"big":[12345678901234567890123,"\u00e9"],"comp)"));
  EXPECT_TRUE(Json::accept(line));
}

TEST(RecordWriterTest, ErrorRecordsHaveAFormatToo) {
  EXPECT_EQ(sample_writer().write(failed_record(), Form::kJson),
            R"({"id":"a","format":1,"error":{"code":"no_prompt","message":"it has none"}})"
            "\n");
  EXPECT_EQ(sample_writer().write(failed_record(), Form::kSweep),
            R"({"id":"a","format":1,"setting":"calm","error":)"
            R"({"code":"no_prompt","message":"it has none"}})"
            "\n");
}

TEST(RecordWriterTest, SweepsHaveTokensAndEntropyButLogprobsOnlyWhereAsked) {
  Record record = sample_record();
  record.completions[0].logprobs.resize(2);
  record.completions[0].logprobs[1].entropy = 3;
  EXPECT_THAT(sample_writer().write(record, Form::kSweep),
              AllOf(StartsWith(R"({"id":"a","format":1,"setting":"calm","prompt":)"),
                    HasSubstr(R"("tokens":[97,256],"mean_entropy":1.5})"),
                    Not(HasSubstr(R"("logprobs":[{)"))));
  record.request.sampling.logprobs = 0;
  EXPECT_THAT(sample_writer().write(record, Form::kSweep), HasSubstr(R"("logprobs":[{)"));
}

TEST(RecordWriterTest, OpenAisFormHasTheFormatInItsProvenance) {
  const std::string line = sample_writer().write(sample_record(), Form::kOpenAi);
  EXPECT_THAT(line, AllOf(HasSubstr(R"("custom_id":"a","response":{"status_code":200,)"),
                          HasSubstr(R"("provenance":{"format":1,"medgen":)"),
                          HasSubstr(R"("finish_reason":"stop")")));
  EXPECT_FALSE(Json::parse(line).contains("format"));
}

TEST(RecordWriterTest, ATextThatEndedForNeverSaySaysSoInOpenAisWords) {
  Record record = sample_record();
  record.completions.resize(1);
  record.completions[0].finish_reason = FinishReason::kNeverSay;
  EXPECT_THAT(sample_writer().write(record, Form::kOpenAi),
              HasSubstr(R"("finish_reason":"content_filter")"));
  EXPECT_THAT(sample_writer().write(record, Form::kJson),
              HasSubstr(R"("finish_reason":"never_say")"));
  record.completions[0].finish_reason = FinishReason::kLoop;
  EXPECT_THAT(sample_writer().write(record, Form::kOpenAi),
              HasSubstr(R"("finish_reason":"length")"));
}

TEST(RecordWriterTest, OpenAisFormAnswersAFailedRowWithAStatus) {
  Record record = failed_record();
  record.id = 7;
  const Json json = Json::parse(sample_writer().write(record, Form::kOpenAi));
  EXPECT_EQ(json["custom_id"], "7");
  EXPECT_EQ(json["error"], nullptr);
  EXPECT_EQ(json["response"]["status_code"], 400);
  EXPECT_EQ(json["response"]["body"]["error"]["code"], "no_prompt");
  EXPECT_EQ(json["response"]["body"]["error"]["type"], "invalid_request_error");
  record.error->code = "model_failure";
  EXPECT_THAT(sample_writer().write(record, Form::kOpenAi), HasSubstr("\"status_code\":500"));
}

TEST(RecordWriterTest, OpenAisFormHasTheLogprobsThatWereAskedFor) {
  Record record = sample_record();
  record.completions.resize(1);
  record.completions[0].logprobs.resize(2);
  record.completions[0].logprobs[0].chosen = {.token = 97, .logprob = -0.5};
  record.completions[0].logprobs[0].alternatives = {{.token = 98, .logprob = -1}};
  record.completions[0].logprobs[1].chosen = {.token = 99, .logprob = -1};
  const auto logprobs = [&] {
    return Json::parse(
        sample_writer().write(record, Form::kOpenAi))["response"]["body"]["choices"][0]["logprobs"];
  };
  EXPECT_EQ(logprobs(), nullptr);
  record.request.sampling.logprobs = 1;
  EXPECT_EQ(logprobs().dump(), R"({"tokens":["a","c"],"token_logprobs":[-0.5,-1.0],)"
                               R"("top_logprobs":[{"b":-1.0},{}],"text_offset":[8,9]})");
}

TEST(RecordWriterTest, CsvAndTextHaveALineForEachText) {
  const Writer writer = sample_writer();
  EXPECT_THAT(heading(Form::kCsv), StartsWith("id,prompt,index,text,"));
  EXPECT_THAT(writer.write(sample_record(), Form::kCsv),
              AllOf(StartsWith("a,\"I \"\"feel\"\"\",0, a,eos,2,-1.5,,,true,"),
                    HasSubstr("\na,\"I \"\"feel\"\"\",1,\" b\n\",length,1,-2.0,,,true,")));
  EXPECT_EQ(writer.write(failed_record(), Form::kCsv), "a,,,,,,,no_prompt,it has none,,,,\n");
  Record formula = sample_record();
  formula.prompt = "=1+2";
  formula.completions[0].text = "-A1";
  EXPECT_THAT(writer.write(formula, Form::kCsv), StartsWith("a,'=1+2,0,'-A1,"));
  EXPECT_THAT(writer.write(formula, Form::kRawCsv), StartsWith("a,=1+2,0,-A1,"));
  EXPECT_EQ(heading(Form::kRawCsv), heading(Form::kCsv));
  EXPECT_THAT(heading(Form::kText), StartsWith("# "));
  EXPECT_EQ(writer.write(sample_record(), Form::kText), "I \"feel\" a\nI \"feel\" b\\n\n");
  EXPECT_EQ(writer.write(failed_record(), Form::kText), "# error: no_prompt\n");
  EXPECT_EQ(heading(Form::kJson), "");
}

TEST(RecordWriterTest, SeveralPromptsOfARowAreAnsweredOneAfterAnother) {
  Record record = sample_record();
  record.prompts = {"I \"feel\"", "My knee"};
  record.more_prompt_tokens = 3;
  record.request.num_return_sequences = 1;
  const Json body = Json::parse(sample_writer().write(record, Form::kOpenAi))["response"]["body"];
  EXPECT_EQ(body["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(body["provenance"]["prompts"], 2);
  EXPECT_THAT(sample_writer().write(record, Form::kCsv),
              AllOf(StartsWith("a,\"I \"\"feel\"\"\",0, a,"), HasSubstr("\na,My knee,1,\" b\n\"")));
  EXPECT_THAT(sample_writer().write(record, Form::kText), HasSubstr("\nMy knee b\\n\n"));
}

TEST(RecordWriterTest, WhatMayIdentifySomebodyIsMarkedInEveryForm) {
  const Writer writer = sample_writer();
  Record record = sample_record();
  record.identifiers = "warn";
  record.identifiers_found = {"name", "telephone"};
  EXPECT_THAT(writer.write(record, Form::kJson),
              HasSubstr(R"("identifiers":"warn","identifiers_found":["name","telephone"])"));
  EXPECT_THAT(heading(Form::kCsv, {.identifiers = true}),
              HasSubstr(",notice,identifiers_found,seed,provenance\n"));
  EXPECT_THAT(writer.write(record, Form::kCsv), HasSubstr(",name telephone,18446744073709551615,"));
  EXPECT_THAT(writer.write(record, Form::kText),
              StartsWith("# may identify somebody: name, telephone\n"));
  // Companion: where nothing was found, and where nobody looked.
  record.identifiers_found.clear();
  EXPECT_THAT(writer.write(record, Form::kCsv), HasSubstr(",,18446744073709551615,"));
  EXPECT_EQ(writer.write(record, Form::kText), writer.write(sample_record(), Form::kText));
  EXPECT_THAT(writer.write(sample_record(), Form::kJson), Not(HasSubstr("identifiers")));
  Record failed = failed_record();
  failed.identifiers = "warn";
  EXPECT_EQ(writer.write(failed, Form::kCsv), "a,,,,,,,no_prompt,it has none,,,,,\n");
}

}  // namespace
}  // namespace medgen::records
