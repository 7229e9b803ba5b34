// A table of bad rows: each gives its code, no text of the row gets into the message, and nothing
// throws. The companions show that the good neighbours of bad rows pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/request_maker.h"
#include "batch/row_parser.h"
#include "medgen/error.h"
#include "unit/base/blocks.h"
#include "unit/byte_tokenizer.h"

namespace medgen::batch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kContext = 24;

struct Case {
  std::string row;
  std::string code;  // "" for a row that is fine
};

RequestMaker maker() {
  static const ByteTokenizer tokenizer;
  RequestMaker made;
  made.tokenizer = &tokenizer;
  made.n_positions = kContext;
  made.vocab_size = tokenizer.vocab_size();
  made.plain.stopping.max_length = kContext;
  made.openai.stopping.max_new_tokens = 16;
  made.encode = [](const BatchRow& row, const StoppingParams&, int) {
    if (!row.prompt_ids.empty()) return row.prompt_ids;
    return tokenizer.encode(row.prompt, Specials::kAsText);
  };
  return made;
}

// Fields named as settings act.
RowNames acting() { return {.prompt = {}, .id = {}, .fields = {.all_act = true}}; }

// As an input of this one row gives it.
RawRow raw_row(InputFormat format, const std::string& text) {
  RawRow row{.line = 1, .text = text};
  if (format != InputFormat::kCsv && format != InputFormat::kTsv) return row;
  base::CsvReader reader(base::text_blocks(text, text.size() + 1),
                         format == InputFormat::kCsv ? ',' : '\t', kMaxRowBytes);
  base::CsvRecord record;
  reader.next(record);
  row.fields = record.fields;
  row.csv_error = record.error;
  return row;
}

RowError error_of(InputFormat format, const std::string& header, const std::string& text) {
  RowParser parser(format, acting(), "input");
  if (!header.empty()) parser.take_header(raw_row(format, header));
  BatchRow row = parser.parse(raw_row(format, text), 6);
  const bool made = maker().make(row).has_value();
  EXPECT_NE(made, row.error.has_value());
  if (row.error) {
    EXPECT_EQ(row.prompt, row.error->code == "bad_setting" || row.error->code == "prompt_too_long"
                              ? row.prompt
                              : std::string());
  }
  return row.error.value_or(RowError{});
}

void expect_codes(InputFormat format, const std::string& header, const std::vector<Case>& cases) {
  for (const Case& bad : cases) {
    const RowError error = error_of(format, header, bad.row);
    const std::string shown = bad.row.substr(0, 100);
    EXPECT_EQ(error.code, bad.code) << shown << " " << error.message;
    EXPECT_THAT(error.message, Not(HasSubstr("secret"))) << shown;
    EXPECT_EQ(error.message.empty(), bad.code.empty()) << shown;
  }
}

// A row of this many members besides its prompt.
std::string with_members(int count) {
  std::string row = "{\"prompt\":\"a\"";
  for (int i = 0; i < count; ++i) row += ",\"x" + std::to_string(i) + "\":0";
  return row + "}";
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']');
}

TEST(BadRowsTest, JsonThatIsNoObjectOrBroken) {
  expect_codes(InputFormat::kJsonl, "",
               {{"", "invalid_json"},
                {"   ", "invalid_json"},
                {"secret", "invalid_json"},
                {"{", "invalid_json"},
                {R"({"prompt":"secret")", "invalid_json"},
                {R"({"prompt":"secret",})", "invalid_json"},
                {R"({prompt:"secret"})", "invalid_json"},
                {R"({'prompt':'secret'})", "invalid_json"},
                {R"({"prompt":"secret"} x)", "invalid_json"},
                {R"({"prompt":"secret"}{"prompt":"b"})", "invalid_json"},
                {R"({"prompt":"\ud800 secret"})", "invalid_json"},
                {R"({"prompt":"\x"})", "invalid_json"},
                {"{\"prompt\":\"a\tsecret\"}", "invalid_json"},
                {R"({"prompt":"a","x":01})", "invalid_json"},
                {R"({"prompt":"a","x":NaN})", "invalid_json"},
                {"[]", "not_an_object"},
                {"\"secret\"", "not_an_object"},
                {"7", "not_an_object"},
                {"null", "not_an_object"},
                {R"(["prompt"])", "not_an_object"},
                {nested(65), "json_too_deep"},
                {nested(10000), "json_too_deep"},
                {R"({"prompt":"a","x":)" + nested(1000000) + "}", "json_too_deep"},
                {R"({"prompt":"a","x":)" + nested(63) + "}", ""},
                {with_members(8191), ""},
                {with_members(8192), "too_many_members"},
                {with_members(300000), "too_many_members"},
                {R"({"prompt":"a","prompt":"secret"})", "duplicate_field"},
                {R"({"prompt":"a","x":{"y":1,"y":2}})", "duplicate_field"},
                {R"({"prompt":"a","x":{"y":1},"z":{"y":2}})", ""}});
}

TEST(BadRowsTest, BytesThatAreNoText) {
  expect_codes(InputFormat::kJsonl, "",
               {{"{\"prompt\":\"secret\xFF\"}", "invalid_utf8"},
                {"{\"prompt\":\"secret\xC3\"}", "invalid_utf8"},
                {"{\"prompt\":\"\xED\xA0\x80\"}", "invalid_utf8"},
                {"{\"prompt\":\"\xC0\x80\"}", "invalid_utf8"},
                {std::string("{\"prompt\":\"a\0b\"}", 16), "nul_byte"},
                {R"({"prompt":"a\u0000secret"})", "nul_byte"},
                {R"({"prompt":"\ud83e\udd12"})", ""}});
  expect_codes(InputFormat::kText, "",
               {{"secret\x80", "invalid_utf8"},
                {std::string("secret\0", 7), "nul_byte"},
                {"\xF5\x80\x80\x80", "invalid_utf8"},
                {"", "no_prompt"},
                {" ", ""},
                {std::string(kContext + 1, 'x'), "prompt_too_long"},
                {std::string(kContext, 'x'), "prompt_too_long"},  // no room for a token
                {std::string(kContext - 1, 'x'), ""}});
}

TEST(BadRowsTest, PromptsAndIdsOfTheWrongKind) {
  expect_codes(InputFormat::kJsonl, "",
               {{"{}", "no_prompt"},
                {R"({"text":"secret"})", "no_prompt"},
                {R"({"prompt":null})", "no_prompt"},
                {R"({"prompt":""})", "no_prompt"},
                {R"({"prompt":7})", "bad_prompt"},
                {R"({"prompt":["secret"]})", "bad_prompt"},
                {R"({"prompt":{"a":"secret"}})", "bad_prompt"},
                {R"({"prompt":true})", "bad_prompt"},
                {R"({"prompt":"a","id":true})", "bad_id"},
                {R"({"prompt":"a","id":[1]})", "bad_id"},
                {R"({"prompt":"a","id":1.5})", "bad_id"},
                {R"({"prompt":"a","id":1e2})", "bad_id"},
                {R"({"prompt":"a","id":123456789012345678901234567890})", ""},
                {R"({"prompt":"a","id":3.0})", ""},
                {R"({"prompt":"a","id":""})", "bad_id"},
                {R"({"prompt":"a","id":")" + std::string(1025, 'i') + "\"}", "bad_id"},
                {R"({"prompt":"a","id":")" + std::string(1024, 'i') + "\"}", ""},
                {R"({"prompt":"a","id":null})", ""},
                {R"({"prompt":"a","id":-5})", ""},
                {R"({"prompt":"a","notice":"secret"})", "reserved_field"},
                {R"({"prompt":"a","completions":[]})", "reserved_field"},
                {R"({"prompt":"a","provenance":{}})", "reserved_field"},
                {R"({"prompt":"a","error":null})", "reserved_field"},
                {R"({"prompt":"a","generated":false})", "reserved_field"},
                {R"({"prompt":"a","lang":"en","x":{"y":[1]}})", ""}});
}

TEST(BadRowsTest, SettingsOfTheWrongKindOrOutOfRange) {
  const auto with = [](const std::string& settings) {
    return R"({"prompt":"a",)" + settings + "}";
  };
  expect_codes(InputFormat::kJsonl, "",
               {{with(R"("temperature":-1)"), "bad_setting"},
                {with(R"("temperature":"secret")"), "bad_setting"},
                {with(R"("temperature":1e400)"), "invalid_json"},
                {with(R"("temperature":[1])"), "bad_setting"},
                {with(R"("temperature":100.5)"), "bad_setting"},
                {with(R"("temperature":100)"), ""},
                {with(R"("repetition_penalty":101)"), "bad_setting"},
                {with(R"("temperature":true)"), "bad_setting"},
                {with(R"("top_k":-1)"), "bad_setting"},
                {with(R"("top_k":1.5)"), "bad_setting"},
                {with(R"("top_k":3.0,"n":2.0,"seed":7.0)"), ""},
                {with(R"("seed":"18446744073709551615")"), ""},
                {with(R"("seed":"18446744073709551616")"), "bad_setting"},
                {with(R"("top_k":99999999999)"), "bad_setting"},
                {with(R"("top_p":0)"), "bad_setting"},
                {with(R"("top_p":1.01)"), "bad_setting"},
                {with(R"("n":0)"), "bad_setting"},
                {with(R"("n":4097)"), "bad_setting"},
                {with(R"("n":"3")"), "bad_setting"},
                {with(R"("n":2,"num_return_sequences":3)"), "bad_setting"},
                {with(R"("n":2,"temperature":0)"), "bad_setting"},
                {with(R"("seed":-1)"), "bad_setting"},
                {with(R"("seed":18446744073709551616)"), "bad_setting"},
                {with(R"("seed":"secret")"), "bad_setting"},
                {with(R"("stop":"")"), "bad_setting"},
                {with(R"("stop":[""])"), "bad_setting"},
                {with(R"("stop":[1])"), "bad_setting"},
                {with(R"("stop":{"secret":1})"), "bad_setting"},
                {with(R"("max_new_tokens":0)"), "bad_setting"},
                {with(R"("max_new_tokens":-3)"), "bad_setting"},
                {with(R"("max_length":0)"), "bad_setting"},
                {with(R"("max_length":5,"max_new_tokens":5)"), "bad_setting"},
                {with(R"("max_length":1)"), "prompt_too_long"},
                {with(R"("temperature":null,"top_p":null)"), ""},
                {with(R"("temperature":0)"), ""},
                {with(R"("n":2,"seed":18446744073709551615,"stop":["x","y"],"top_k":0)"), ""}});
}

TEST(BadRowsTest, OpenAiRequestsThatAreNotOffered) {
  const auto with = [](const std::string& body) {
    return R"({"custom_id":"a","method":"POST","url":"/v1/completions","body":)" + body + "}";
  };
  expect_codes(
      InputFormat::kJsonl, "",
      {{R"({"custom_id":"a","method":"POST","url":"/v1/completions"})", "no_body"},
       {with("[]"), "no_body"},
       {with("\"secret\""), "no_body"},
       {R"({"custom_id":"a","method":"GET","url":"/v1/completions","body":{"prompt":"secret"}})",
        "unsupported_request"},
       {R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"messages":[]}})",
        "unsupported_request"},
       {R"({"custom_id":"a","body":{"prompt":"secret"}})", "unsupported_request"},
       {R"({"custom_id":["a"],"method":"POST","url":"/v1/completions","body":{"prompt":"b"}})",
        "bad_id"},
       {with("{}"), "no_prompt"},
       {with(R"({"prompt":["a","b"]})"), ""},
       {with(R"({"prompt":["secret",7]})"), "bad_prompt"},
       {with(R"({"prompt":["secret",""]})"), "no_prompt"},
       {with(R"({"prompt":[]})"), "no_prompt"},
       {with(R"({"prompt":[""]})"), "no_prompt"},
       {with(R"({"prompt":[[]]})"), "no_prompt"},
       {with(R"({"prompt":[[1,2],[3]]})"), ""},
       {with(R"({"prompt":[[1,"secret"]]})"), "bad_prompt"},
       {with(R"({"prompt":[[["secret"]]]})"), "bad_prompt"},
       {with(R"({"prompt":[{"secret":1}]})"), "bad_prompt"},
       {with(R"({"prompt":{"secret":1}})"), "bad_prompt"},
       {with(R"({"prompt":[1,"secret"]})"), "bad_prompt"},
       {with(R"({"prompt":[1,257]})"), "bad_prompt"},
       {with(R"({"prompt":[1,2,3]})"), ""},
       {with(R"({"prompt":[[1,2,3]]})"), ""},
       {with(R"({"prompt":["secret"]})"), ""},
       {with(R"({"prompt":"a","stream":true})"), "unsupported_setting"},
       {with(R"({"prompt":"a","secret":1})"), "unsupported_setting"},
       {with(R"({"prompt":"a","logprobs":5})"), ""},
       {with(R"({"prompt":"a","logprobs":"secret"})"), "bad_setting"},
       {with(R"({"prompt":"a","best_of":2,"n":2})"), ""},
       {with(R"({"prompt":"a","top_k":-1,"min_tokens":1,"metadata":{"x":"secret"}})"), ""},
       {with(R"({"prompt":"a","logit_bias":{"7":-100},"presence_penalty":1})"), ""},
       {with(R"({"prompt":"a","logit_bias":{"secret":1}})"), "bad_setting"},
       {with(R"({"prompt":"a","best_of":2})"), "unsupported_setting"},
       {with(R"({"prompt":"a","suffix":"secret"})"), "unsupported_setting"},
       {with(R"({"prompt":"a","max_tokens":0})"), "bad_setting"},
       {with(R"({"prompt":"a","max_tokens":"secret"})"), "bad_setting"},
       {with(R"({"prompt":"a","temperature":-0.1})"), "bad_setting"},
       {with(R"({"prompt":"a","model":"x","max_tokens":5,"n":2,"temperature":0.5,"user":"u",)"
             R"("stream":false,"echo":false,"best_of":1,"suffix":"","logit_bias":{},"stop":null})"),
        ""}});
}

TEST(RowParserTest, BrokenLinesOfOpenAisFormAreAnsweredInKind) {
  const RowParser parser(InputFormat::kJsonl, {}, "input");
  const auto row = [&](const std::string& text) {
    return parser.parse({.line = 1, .text = text, .too_long = false}, 6);
  };
  const BatchRow broken =
      row(R"({"custom_id": "r\"1", "method":"POST","body":{"prompt":"secret",}})");
  EXPECT_EQ(broken.error->code, "invalid_json");
  EXPECT_EQ(broken.form, RowForm::kOpenAi);
  EXPECT_EQ(broken.id, "r\"1");
  for (const char* plain :
       {R"({"prompt":"a",})", R"({"custom_id":"x","prompt":"a",})",
        R"({"custom_id":7,"body":{"prompt":"a",}})", R"({"body":1,"custom_id")"}) {
    EXPECT_EQ(row(plain).form, RowForm::kPlain) << plain;
    EXPECT_EQ(row(plain).id, 7) << plain;
  }
  EXPECT_THAT(row(R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}})")
                  .error->message,
              HasSubstr("/v1/chat/completions"));
}

TEST(RowParserTest, AMissingColumnIsToldWithThoseThatAreThere) {
  const auto refusal = [](const std::string& header, base::Encoding encoding = {}) -> std::string {
    RowParser parser(InputFormat::kCsv,
                     {.prompt = {}, .id = {}, .fields = {}, .encoding = encoding}, "x.csv");
    try {
      parser.take_header(raw_row(InputFormat::kCsv, header));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal("id,text"), HasSubstr("it has \"id\", \"text\""));
  EXPECT_THAT(refusal("id;prompt"),
              HasSubstr("give `delimiter` \";\" if that separates columns, or name"));
  EXPECT_THAT(refusal("I feel a secret pain"),
              AllOf(HasSubstr("one that looks like a text"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refusal("id\tprompt"), HasSubstr("give `delimiter` tab"));
  EXPECT_THAT(refusal("id\x1b[31m,text"), Not(HasSubstr("\x1b")));
  EXPECT_THAT(refusal("prompt,caf\xE9"), HasSubstr("`encoding`"));
}

TEST(BadRowsTest, PromptsOfIdsAndSpecialsOfTheWrongKind) {
  expect_codes(InputFormat::kJsonl, "",
               {{R"({"prompt_ids":[]})", "no_prompt"},
                {R"({"prompt_ids":null})", "no_prompt"},
                {R"({"prompt_ids":"secret"})", "bad_prompt"},
                {R"({"prompt_ids":["secret"]})", "bad_prompt"},
                {R"({"prompt_ids":[-1]})", "bad_prompt"},
                {R"({"prompt_ids":[1.5]})", "bad_prompt"},
                {R"({"prompt_ids":[true]})", "bad_prompt"},
                {R"({"prompt_ids":[99999999999]})", "bad_prompt"},
                {R"({"prompt_ids":[1,2,257]})", "bad_prompt"},
                {R"({"prompt":"secret","prompt_ids":[1]})", "bad_prompt"},
                {R"({"prompt_ids":[1],"specials":true})", "bad_prompt"},
                {R"({"prompt":"a","specials":"secret"})", "bad_prompt"},
                {R"({"prompt":"a","specials":1})", "bad_prompt"},
                {R"({"prompt":"a","specials":null})", ""},
                {R"({"prompt":"a","specials":true})", ""},
                {R"({"prompt":null,"prompt_ids":[104,105],"specials":false})", ""}});
  expect_codes(InputFormat::kCsv, "prompt,prompt_ids,specials",
               {{"secret,[1],", "bad_prompt"},
                {",secret,", "bad_prompt"},
                {",,", "no_prompt"},
                {"a,,secret", "bad_prompt"},
                {"a,,true", ""},
                {",\"[104, 105]\",", ""}});
  expect_codes(InputFormat::kCsv, "prompt_ids,n", {{"\"[104, 105]\",2", ""}, {",2", "no_prompt"}});
  EXPECT_THAT(error_of(InputFormat::kJsonl, "", R"({"prompt_ids":[1,2,257]})").message,
              HasSubstr("holds the token id 257 at place 3 of 3; ids go from 0 to 256"));
}

TEST(RequestMakerTest, WritesIdsOutAndSettlesSpecials) {
  const RowParser parser(InputFormat::kJsonl, {}, "input");
  const auto made = [&](const std::string& text, bool specials) {
    RequestMaker with = maker();
    with.specials = specials;
    BatchRow row = parser.parse({.line = 1, .text = text}, 0);
    with.make(row);
    return row;
  };
  EXPECT_EQ(made(R"({"prompt_ids":[104,105]})", true).prompt, "hi");
  EXPECT_EQ(made(R"({"prompt_ids":[104,105]})", true).specials, false);
  EXPECT_EQ(made(R"({"prompt":"a"})", true).specials, true);
  EXPECT_EQ(made(R"({"prompt":"a"})", false).specials, false);
  EXPECT_EQ(made(R"({"prompt":"a","specials":false})", true).specials, false);
  EXPECT_EQ(made(R"({"prompt":"a","specials":true})", false).specials, true);
}

TEST(BadRowsTest, CsvRecords) {
  expect_codes(InputFormat::kCsv, "id,prompt,temperature",
               {{"1,a", "wrong_columns"},
                {"1,a,0.5,secret", "wrong_columns"},
                {"", "wrong_columns"},
                {"1,se\"cret,0.5", "bad_quotes"},
                {"1,\"sec\"ret,0.5", "bad_quotes"},
                {"1,\"secret,0.5", "bad_quotes"},
                {"1,sec\rret,0.5", "bad_quotes"},
                {"1,,0.5", "no_prompt"},
                {"1,\"\",0.5", "no_prompt"},
                {"1,a,secret", "bad_setting"},
                {"1,a,-1", "bad_setting"},
                {"1,a,[1", "bad_setting"},
                {"1,secret\xFF,0.5", "invalid_utf8"},
                {std::string("1,a\0,0.5", 8), "nul_byte"},
                {std::string(1025, 'i') + ",a,0.5", "bad_id"},
                {",a,", ""},
                {"1,\"a,\"\"b\"\"\nc\",0.5", ""}});
  expect_codes(InputFormat::kTsv, "prompt\tn",
               {{"a\t2\tsecret", "wrong_columns"}, {"a\tsecret", "bad_setting"}, {"a,b\t2", ""}});
}

TEST(BadRowsTest, HeadersThatCannotBeUsedAreRefused) {
  const auto refused = [](const std::string& header, const RowNames& names = {}) {
    RowParser parser(InputFormat::kCsv, names, "x.csv");
    try {
      parser.take_header(raw_row(InputFormat::kCsv, header));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("x.csv"));
      return true;
    }
    return false;
  };
  EXPECT_TRUE(refused("id,text"));
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("prompt,prompt"));
  EXPECT_TRUE(refused("prompt,notice"));
  EXPECT_TRUE(refused("prompt,\"a"));
  EXPECT_TRUE(refused("prompt,\xFF"));
  EXPECT_TRUE(refused("prompt", {.prompt = {}, .id = "key", .fields = {}}));
  EXPECT_FALSE(refused("key,text", {.prompt = "text", .id = "key", .fields = {}}));
}

TEST(RowParserTest, TooLongRowsAreErrorsWithTheirNumber) {
  const RowParser parser(InputFormat::kText, {}, "input");
  const BatchRow row = parser.parse({.line = 9, .text = "secret", .too_long = true}, 6);
  EXPECT_EQ(row.error->code, "row_too_long");
  EXPECT_EQ(row.id, 7);
}

TEST(RowParserTest, KeysComeFromTheIdOrTheNumber) {
  const RowParser parser(InputFormat::kJsonl, {}, "input");
  const auto row = [&](const std::string& text, std::uint64_t position) {
    return parser.parse({.line = 1, .text = text, .too_long = false}, position);
  };
  EXPECT_EQ(row(R"({"prompt":"a","id":"x"})", 3).key, row(R"({"id":"x","prompt":"b"})", 99).key);
  EXPECT_NE(row(R"({"prompt":"a","id":"x"})", 3).key, row(R"({"prompt":"a","id":"y"})", 3).key);
  EXPECT_EQ(row(R"({"prompt":"a","id":7})", 3).key, key_of_id("7"));
  EXPECT_EQ(row(R"({"prompt":"a","id":7.0})", 3).key, key_of_id("7"));
  EXPECT_EQ(row(R"({"prompt":"a"})", 3).key, 4U);
  EXPECT_EQ(row(R"({"prompt":"a"})", 3).id, 4);
}

TEST(RowParserTest, IdsKeepTheirDigits) {
  const RowParser parser(InputFormat::kJsonl, {}, "input");
  const auto id = [&](const std::string& spelled) {
    const BatchRow row = parser.parse(
        {.line = 1, .text = R"({"prompt":"a","id":)" + spelled + "}", .too_long = false}, 0);
    EXPECT_FALSE(row.error) << spelled;
    return row.id.dump() + " " + row.id_text.value_or("");
  };
  EXPECT_EQ(id("9007199254740993"), "9007199254740993 9007199254740993");
  EXPECT_EQ(id("18446744073709551615"), "18446744073709551615 18446744073709551615");
  EXPECT_EQ(id("12345678901234567890123"), "\"12345678901234567890123\" 12345678901234567890123");
  EXPECT_EQ(id("10000000000000000000000"), "\"10000000000000000000000\" 10000000000000000000000");
  EXPECT_EQ(id("1.0"), "1.0 1");
  EXPECT_EQ(id("-5"), "-5 -5");
}

// The number is part of the promise: results of other versions and machines depend on it.
TEST(RowParserTest, KeyOfAnIdIsPinned) { EXPECT_EQ(key_of_id("sym-0001"), 0x7ADE2408D3EC3B01ULL); }

TEST(RowParserTest, CarriesExtraFieldsInTheirOrder) {
  const RowParser parser(InputFormat::kJsonl, acting(), "input");
  const BatchRow row =
      parser.parse({.line = 1,
                    .text = R"({"z":1.10,"id":"x","prompt":"p","n":2,"a": {"b" : null}})",
                    .too_long = false},
                   0);
  EXPECT_FALSE(row.error);
  ASSERT_EQ(row.extras.size(), 2U);
  EXPECT_EQ(row.extras[0].name + row.extras[0].json, "z1.10");
  EXPECT_EQ(row.extras[1].name + row.extras[1].json, R"(a{"b":null})");
  EXPECT_EQ(row.settings.dump(), R"({"n":2})");
}

TEST(RowParserTest, WhatAnEncodingDoesNotDefineIsAnErrorOfItsRow) {
  const RowParser parser(
      InputFormat::kText,
      {.prompt = {}, .id = {}, .fields = {}, .encoding = base::Encoding::kWindows1252}, "input");
  const BatchRow row =
      parser.parse({.line = 1, .text = "\xC3\xA9t\xFF secret", .too_long = false}, 0);
  EXPECT_EQ(row.error->code, "invalid_encoding");
  EXPECT_THAT(row.error->message, HasSubstr("windows-1252 does not define what stands behind its "
                                            "first 2 characters"));
}

TEST(BadRowsTest, ErrorsComeInTheWordsOfTheirReader) {
  RequestMaker worded = maker();
  worded.wording = [](const std::string& message) { return "told: " + message; };
  for (const std::string& text :
       {std::string("{}"), R"({"prompt":")" + std::string(99, 's') + "\"}"}) {
    RowParser parser(InputFormat::kJsonl, {}, "input");
    BatchRow row = parser.parse(raw_row(InputFormat::kJsonl, text), 6);
    BatchRow same = row;
    maker().make(row);
    worded.make(same);
    ASSERT_TRUE(row.error && same.error) << text;
    EXPECT_EQ(same.error->message, "told: " + row.error->message);
  }
}

}  // namespace
}  // namespace medgen::batch
