// What is written is read again; older formats are read, newer ones refused by name.
#include "records/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "records/compare.h"
#include "records/record_file.h"
#include "temporary_folder.h"
#include "unit/records/sample_record.h"

namespace medgen::records {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Place kPlace{"out.jsonl", 3};

RecordReader reader_of(const Json& json) { return {json, kPlace}; }
RecordReader written(const Record& record, Form form) {
  return reader_of(Json::parse(sample_writer().write(record, form)));
}

std::string refusal(const Json& json) {
  try {
    reader_of(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "read";
}

// Every place that a format may stand in, with another number.
Json with_format(Form form, const Json& format, const Record& record = sample_record()) {
  Json json = Json::parse(sample_writer().write(record, form));
  Json& holder = form == Form::kOpenAi ? json["response"]["body"]["provenance"] : json;
  EXPECT_EQ(holder.at("format"), kRecordFormat);
  if (format.is_null()) {
    holder.erase("format");
  } else {
    holder["format"] = format;
  }
  return json;
}

TEST(RecordReaderTest, ReadsTheJsonFormsThatAreWritten) {
  for (const Form form : {Form::kJson, Form::kSweep}) {
    const Record record = sample_record();
    const RecordReader reader = written(record, form);
    EXPECT_EQ(reader.format(), kRecordFormat);
    EXPECT_FALSE(reader.failed());
    EXPECT_EQ(reader.id("other"), "a");
    EXPECT_EQ(reader.setting("file"), form == Form::kSweep ? "calm" : "file");
    EXPECT_EQ(reader.prompt(), record.prompt);
    EXPECT_EQ(reader.origin().model_name, "tiny");
    EXPECT_EQ(reader.origin().model_sha256, "abc");
    EXPECT_EQ(reader.num_tokens(), 3U);
    EXPECT_TRUE(reader.is_of("a", record.prompt, record.extras));
    EXPECT_FALSE(reader.is_of("b", record.prompt, record.extras));
    EXPECT_FALSE(reader.is_of("a", "else", record.extras));
    EXPECT_FALSE(reader.is_of("a", record.prompt, {{"lang", "\"fr\""}}));

    const std::vector<RecordedText> texts = reader.texts();
    ASSERT_EQ(texts.size(), 2U);
    EXPECT_EQ(texts[1].index, 1);
    EXPECT_EQ(texts[1].text, " b\n");
    EXPECT_EQ(texts[1].finish_reason, "length");
    EXPECT_EQ(texts[1].num_tokens, 1);
    EXPECT_EQ(texts[1].logprob, -2);
    EXPECT_EQ(texts[0].tokens.size(), form == Form::kSweep ? 2U : 0U);

    const RecordedRun run = reader.run();
    ASSERT_FALSE(run.obstacle) << *run.obstacle;
    EXPECT_EQ(run.line, 3U);
    EXPECT_EQ(run.id, "a");
    EXPECT_EQ(run.prompt, record.prompt);
    EXPECT_EQ(run.key, 12U);
    EXPECT_EQ(run.prompt_tokens, 2U);
    EXPECT_EQ(run.settings.sampling.seed, record.request.sampling.seed);
    EXPECT_EQ(run.settings.num_return_sequences, 2);
    EXPECT_EQ(run.model_name, "tiny");
    EXPECT_EQ(run.backend, "native");
    EXPECT_EQ(run.precision, "fp32");
    ASSERT_EQ(run.completions.size(), 2U);
    EXPECT_EQ(run.completions[0].finish_reason, FinishReason::kEos);
    EXPECT_EQ(run.completions[1].text, " b\n");
  }
}

TEST(RecordReaderTest, NeverSayIsReadAsItWasWritten) {
  Record record = sample_record();
  record.request.sampling.never_say = {"*itis", "cough"};
  record.completions[0].finish_reason = FinishReason::kNeverSay;
  const RecordedRun run = reader_of(Json::parse(sample_writer().write(record, Form::kJson))).run();
  EXPECT_EQ(run.settings.sampling.never_say, record.request.sampling.never_say);
  EXPECT_EQ(run.completions[0].finish_reason, FinishReason::kNeverSay);
}

// With these in place of what is written now.
RecordedRun run_of(const Json& seed, const Json& key) {
  Json json = Json::parse(sample_writer().write(sample_record(), Form::kJson));
  json["provenance"]["seed"] = seed;
  json["provenance"]["key"] = key;
  return reader_of(json).run();
}

TEST(RecordReaderTest, SeedsAndKeysAreTextOrNumbers) {
  for (const Json& seed : {Json(10273948491240133441ULL), Json("10273948491240133441")}) {
    const RecordedRun run = run_of(seed, 12);
    ASSERT_FALSE(run.obstacle) << *run.obstacle;
    EXPECT_EQ(run.settings.sampling.seed, 10273948491240133441ULL);
    EXPECT_EQ(run.key, 12U);
    EXPECT_THAT(run.doubts, IsEmpty());
  }
  EXPECT_EQ(run_of(7.0, "12").settings.sampling.seed, 7U);
  for (const Json& bad : {Json("secret"), Json("-1"), Json(""), Json("18446744073709551616"),
                          Json(1.5), Json(-1), Json(-1.0), Json(1e300), Json(true), Json()}) {
    EXPECT_TRUE(run_of(bad, 12).obstacle) << bad;
  }
}

TEST(RecordReaderTest, NumbersThatWereRoundedAreNoticed) {
  // As jq 1.6, JavaScript and C print the double next to 10273948491240133441.
  for (const Json& rounded : {Json(10273948491240133000ULL), Json(10273948491240132608ULL),
                              Json(1.0273948491240133e19), Json(9007199254740992ULL)}) {
    EXPECT_THAT(run_of(rounded, 12).doubts, ElementsAre(HasSubstr("its seed is "))) << rounded;
    EXPECT_THAT(run_of(1, rounded).doubts, ElementsAre(HasSubstr("its key is "))) << rounded;
  }
  for (const Json& exact : {Json(9007199254740991ULL), Json(9007199254740993ULL),
                            Json(18446744073709551615ULL), Json("10273948491240133000")}) {
    EXPECT_THAT(run_of(exact, exact).doubts, IsEmpty()) << exact;
  }
}

TEST(RecordReaderTest, SaysHowThePromptWasRead) {
  const RecordReader plain = written(sample_record(), Form::kJson);
  EXPECT_TRUE(plain.prompt_ids().empty());
  EXPECT_FALSE(plain.specials());
  Record ids = sample_record();
  ids.prompt_ids = {4, 5};
  Record specials = sample_record();
  specials.specials = true;
  for (const Form form : {Form::kJson, Form::kSweep}) {
    const RecordReader of_ids = written(ids, form);
    EXPECT_EQ(of_ids.format(), kPromptFormat);
    EXPECT_THAT(of_ids.run().prompt_ids, ElementsAre(4, 5));
    EXPECT_FALSE(of_ids.run().specials);
    const RecordReader with_specials = written(specials, form);
    EXPECT_EQ(with_specials.format(), kPromptFormat);
    EXPECT_TRUE(with_specials.run().specials);
  }
  EXPECT_EQ(written(specials, Form::kOpenAi).format(), kPromptFormat);
}

// In an older record these are fields of the row, carried through.
TEST(RecordReaderTest, FieldsOfOlderRowsAreNotThePrompts) {
  Record record = sample_record();
  record.extras = {{"prompt_ids", "[7]"}};
  EXPECT_TRUE(written(record, Form::kJson).prompt_ids().empty());
}

TEST(RecordReaderTest, ReadsOpenAisForm) {
  const RecordReader reader = written(sample_record(), Form::kOpenAi);
  EXPECT_EQ(reader.format(), kRecordFormat);
  EXPECT_EQ(reader.id("other"), "a");
  ASSERT_EQ(reader.texts().size(), 2U);
  EXPECT_EQ(reader.texts()[0].text, " a");
  EXPECT_TRUE(reader.is_openai_of("a"));
  EXPECT_FALSE(reader.is_openai_of("b"));
  EXPECT_THAT(reader.run().obstacle.value_or(""), HasSubstr("holds no prompt"));
}

TEST(RecordReaderTest, ReadsWhatOtherProgramsAnswer) {
  const RecordReader api = reader_of(Json::parse(
      R"({"custom_id":"r","response":{"status_code":200,"body":{"choices":[{"index":0,"text":"a b",)"
      R"("logprobs":{"tokens":["a"," b"],"token_logprobs":[-0.5,-1.5]},"finish_reason":"stop"}]}},)"
      R"("error":null})"));
  EXPECT_FALSE(api.failed());
  ASSERT_EQ(api.texts().size(), 1U);
  EXPECT_EQ(api.texts()[0].logprob, -2);
  EXPECT_EQ(api.texts()[0].num_tokens, 2);
  EXPECT_TRUE(reader_of(Json::parse(R"({"custom_id":"r","response":{"status_code":400,"body":)"
                                    R"({"error":{"message":"bad"}}},"error":null})"))
                  .failed());
  const RecordReader whole =
      reader_of(Json::parse(R"({"prompt":"My","generated_text":"My knee"})"));
  EXPECT_EQ(whole.texts().at(0).text, " knee");
  const RecordReader pipeline =
      reader_of(Json::parse(R"([{"generated_text":"a"},{"generated_text":"b"}])"));
  ASSERT_EQ(pipeline.texts().size(), 2U);
  EXPECT_EQ(pipeline.texts()[1].text, "b");
  EXPECT_EQ(pipeline.texts()[1].index, 1);
  EXPECT_EQ(pipeline.id("1"), "1");
  EXPECT_THROW(reader_of(Json::array({1})).texts(), Error);
}

TEST(RecordReaderTest, ReadsEveryFormThatTextsComeIn) {
  const auto texts = [](const char* json) { return reader_of(Json::parse(json)).texts(); };
  // An answer of the API by itself, of a chat too; the first token of an echo has no number.
  const auto answer =
      texts(R"({"id":"c","object":"text_completion","choices":[)"
            R"({"index":0,"text":"a b","logprobs":null,"finish_reason":null},)"
            R"({"index":1,"message":{"role":"assistant","content":"c"},)"
            R"("logprobs":{"content":[{"token":"c","logprob":-0.25}]}},)"
            R"({"index":2,"text":"d e","logprobs":{"token_logprobs":[null,-1]}}]})");
  ASSERT_EQ(answer.size(), 3U);
  EXPECT_FALSE(answer[0].logprob);
  EXPECT_EQ(answer[1].text, "c");
  EXPECT_EQ(answer[1].logprob, -0.25);
  EXPECT_EQ(answer[1].num_tokens, 1);
  EXPECT_FALSE(answer[2].logprob);
  // vLLM's own.
  const auto vllm = texts(R"({"request_id":"0","prompt":"My","outputs":[{"index":0,"text":" knee",)"
                          R"("token_ids":[10,11],"cumulative_logprob":-3.5,"logprobs":null,)"
                          R"("finish_reason":"length"}]})");
  EXPECT_EQ(vllm.at(0).tokens, (std::vector<TokenId>{10, 11}));
  EXPECT_EQ(vllm.at(0).logprob, -3.5);
  EXPECT_EQ(texts(R"({"text":"a b","token_logprobs":[-1,-2]})").at(0).logprob, -3);
  const auto many = texts(R"({"prompt":"My","generated_text":["My knee","My hip"]})");
  ASSERT_EQ(many.size(), 2U);
  EXPECT_EQ(many[1].text, " hip");
  EXPECT_THROW(texts(R"({"generated_text":[{"role":"user"}]})"), Error);
  EXPECT_THROW(texts(R"({"choices":[{"message":{}}]})"), Error);
}

TEST(RecordReaderTest, AWholeNumberIsOneIdHoweverItIsWritten) {
  for (const char* id : {"3", "3.0", "\"3\"", "3e0"}) {
    EXPECT_EQ(reader_of(Json::parse(std::string("{\"id\":") + id + "}")).id(""), "3") << id;
  }
  EXPECT_EQ(reader_of(Json::parse(R"({"id":3.5})")).id(""), "3.5");
}

TEST(RecordReaderTest, ReadsErrorRecords) {
  for (const Form form : {Form::kJson, Form::kSweep, Form::kOpenAi}) {
    const RecordReader reader = written(failed_record(), form);
    EXPECT_EQ(reader.format(), form == Form::kOpenAi ? 0 : kRecordFormat);
    EXPECT_TRUE(reader.failed());
    EXPECT_EQ(reader.id("other"), "a");
    EXPECT_THAT(reader.run().obstacle.value_or(""), HasSubstr("failed row"));
  }
}

// Records may come from anywhere.
TEST(RecordReaderTest, NumbersThatNoRecordHoldsAreObstacles) {
  Json whole = Json::parse(sample_writer().write(sample_record(), Form::kJson));
  EXPECT_FALSE(RecordReader(whole, {"f", 1}).run().obstacle);
  for (const char* place : {"/completions/0/index", "/completions/0/num_tokens", "/provenance/key",
                            "/provenance/prompt_tokens", "/provenance/seed"}) {
    for (const Json& value : {Json(-1), Json(1.5), Json(1e300), Json("x")}) {
      Json changed = whole;
      changed[Json::json_pointer(place)] = value;
      EXPECT_TRUE(RecordReader(changed, {"f", 1}).run().obstacle) << place << " " << value;
    }
  }
  whole["completions"][0]["num_tokens"] = std::uint64_t{1} << 32;
  EXPECT_TRUE(RecordReader(whole, {"f", 1}).run().obstacle);
}

TEST(RecordReaderTest, TokensAreCountedWhateverTheCompletionsAre) {
  for (const char* text : {"{}", "[]", "7", "{\"completions\": 7}", "{\"completions\": [7, null]}",
                           "{\"completions\": [{\"num_tokens\": -1}, {\"num_tokens\": 1e300}]}"}) {
    EXPECT_EQ(RecordReader(Json::parse(text), {"f", 1}).num_tokens(), 0U) << text;
  }
  EXPECT_EQ(
      RecordReader(Json::parse("{\"completions\": [{\"num_tokens\": 3}]}"), {"f", 1}).num_tokens(),
      3U);
}

TEST(RecordReaderTest, AFormatThatIsNoCountIsNone) {
  for (const char* number : {"-1e300", "-1", "0.5"}) {
    const std::string text = std::string("{\"format\": ") + number + ", \"completions\": []}";
    EXPECT_EQ(RecordReader(Json::parse(text), {"f", 1}).format(), 0) << number;
  }
}

TEST(RecordReaderTest, IdsOfLogprobsAreTokensToo) {
  const RecordReader reader(
      Json::parse("{\"text\": \"a\", \"logprobs\": [{\"id\": 4294967297, \"entropy\": 1}]}"),
      {"f", 1});
  EXPECT_THROW(reader.texts(), Error);
}

TEST(RecordReaderTest, RefusesNewerFormatsByName) {
  for (const Form form : {Form::kJson, Form::kSweep, Form::kOpenAi}) {
    EXPECT_EQ(refusal(with_format(form, 3)),
              "record on line 3 of out.jsonl was written in format 3; this medgen reads up to 2: "
              "use the medgen that wrote it or a newer one");
    EXPECT_EQ(refusal(with_format(form, 2)), "read");
  }
  EXPECT_THAT(refusal(with_format(Form::kJson, 3, failed_record())), HasSubstr("format 3"));
  EXPECT_THAT(refusal(with_format(Form::kJson, 18446744073709551615ULL)), HasSubstr("up to 2"));
}

TEST(RecordReaderTest, ReadsRecordsWithoutANumber) {
  for (const Form form : {Form::kJson, Form::kSweep, Form::kOpenAi}) {
    const RecordReader reader = reader_of(with_format(form, Json()));
    EXPECT_EQ(reader.format(), 0);
    EXPECT_EQ(reader.texts().size(), 2U);
    EXPECT_EQ(reader.run().obstacle.has_value(), form == Form::kOpenAi);
  }
}

TEST(RecordReaderTest, TheFormatsOfOthersAreNotOurs) {
  // A field of a row of medgen 0.1, and the member of another program.
  for (const char* text : {R"({"id":1,"prompt":"p","format":9,"completions":[]})",
                           R"({"text":"a","format":9})", R"({"format":"pdf","completions":[]})"}) {
    EXPECT_EQ(reader_of(Json::parse(text)).format(), 0) << text;
  }
}

class RecordFileTest : public ::testing::Test {
 protected:
  std::vector<std::string> ids(const std::string& text) {
    std::vector<std::string> found;
    read_records(folder_.write("f", text),
                 [&](const RecordReader& reader) { found.push_back(reader.run().id.dump()); });
    return found;
  }
  TemporaryFolder folder_;
};

TEST_F(RecordFileTest, HoldsLinesOrOneObjectOrAnArray) {
  EXPECT_THAT(ids("{\"id\":1}\n\n{\"id\":2}\nx\n"), ElementsAre("1", "2", "null"));
  EXPECT_THAT(ids("{\n\"id\":1}"), ElementsAre("1"));
  EXPECT_THAT(ids("[{\"id\":1},{\"id\":2}]"), ElementsAre("1", "2"));
  EXPECT_THAT(ids("\xEF\xBB\xBF{\"id\":1}\n"), ElementsAre("1"));
  EXPECT_THAT(ids("\n[{\"id\":1}]"), ElementsAre("1"));
  EXPECT_THAT(ids(""), IsEmpty());
  EXPECT_THROW(ids("text"), Error);
}

TEST_F(RecordFileTest, WhatAPipelineGivesForAPromptIsOneRecord) {
  const auto numbers = [&](const std::string& text) {
    std::string found;
    read_records(folder_.write("f", text), [&](const RecordReader& reader) {
      found += reader.number() + ":" + std::to_string(reader.texts().size()) + " ";
    });
    return found;
  };
  const std::string one = R"([{"generated_text":"a"},{"generated_text":"b"}])";
  EXPECT_EQ(numbers(one), "1:2 ");
  EXPECT_EQ(numbers("[" + one + "," + one + "]"), "1:2 2:2 ");
  EXPECT_EQ(numbers("[\n" + one + ",\n" + one + "\n]\n"), "1:2 2:2 ");
  EXPECT_EQ(numbers(one + "\n\n" + one + "\n"), "1:2 3:2 ");
  EXPECT_EQ(numbers("[" + one + "]\n[" + one + "," + one + "]\n"), "1:2 2.1:2 2.2:2 ");
  EXPECT_EQ(numbers(R"([{"prompt":"p","generated_text":"pa"},{"text":"b"}])"), "1:1 2:1 ");
}

TEST_F(RecordFileTest, DamageIsGivenOrRefusedWithItsPlace) {
  const std::string file = folder_.write("f", "{\"id\":1}\n{\"id\":1,}\n").string();
  int records = 0;
  read_records(file, [&](const RecordReader&) { ++records; });
  EXPECT_EQ(records, 2);
  try {
    read_records(
        file, [](const RecordReader&) {}, Damaged::kRefuse);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2: not JSON (column 8: a comma before"));
  }
}

TEST(CompareTest, DigitsThatAProgramLeftOutAreNoDifference) {
  const auto differs = [](double then, double now) {
    Completion recorded, made;
    recorded.logprob = then;
    made.logprob = now;
    return !compare({recorded}, {made}).empty();
  };
  EXPECT_FALSE(differs(-8.6154379651, -8.615437965129765)) << "pandas writes ten decimals";
  EXPECT_FALSE(differs(-0.001234567890123, -0.0012345678901234567)) << "or fifteen";
  EXPECT_TRUE(differs(-8.6154379652, -8.615437965129765));
  EXPECT_TRUE(differs(-8.615438, -8.615437965129765)) << "too few to tell";
  EXPECT_TRUE(differs(-8.615437965129766, -8.615437965129765));
}

TEST_F(RecordFileTest, MoreMembersThanAnyRecordHasAreRefused) {
  std::string record = "{\"text\":\"a\"";
  for (int i = 0; i < 300'000; ++i) record += ",\"x" + std::to_string(i) + "\":0";
  try {
    read_records(folder_.write("many.jsonl", record + "}\n"), [](const RecordReader&) {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("more than 8192 members"));
  }
}

TEST_F(RecordFileTest, ANewerFormatIsRefusedWithItsLine) {
  try {
    ids("{\"id\":1}\n{\"id\":1,\"format\":3,\"error\":{}}\n");
    ADD_FAILURE() << "read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("record on line 2 of " + (folder_ / "f").string()));
  }
}

}  // namespace
}  // namespace medgen::records
