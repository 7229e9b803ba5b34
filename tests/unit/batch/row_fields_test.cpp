// Fields that are named as settings: which act, which are carried, which are refused until the user
// says, and which are pointed out.
#include "batch/row_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/row_parser.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

BatchRow row_of(const std::string& text, const FieldChoice& fields = {}) {
  const RowParser parser(InputFormat::kJsonl, {.prompt = {}, .id = {}, .fields = fields}, "x");
  return parser.parse({.line = 1, .text = text, .too_long = false}, 0);
}

std::string code_of(const std::string& text, const FieldChoice& fields = {}) {
  const BatchRow row = row_of(text, fields);
  return row.error ? row.error->code : "";
}

TEST(RowFieldsTest, AFieldNamedAsASettingIsRefusedUntilSomebodySaysWhatItIs) {
  const std::string fever = R"({"prompt":"a","temperature":38.5,"ward":"n"})";
  const BatchRow unclear = row_of(fever);
  ASSERT_TRUE(unclear.error);
  EXPECT_EQ(unclear.error->code, kUnclearField);
  EXPECT_THAT(unclear.error->message,
              AllOf(HasSubstr("`row_settings` temperature"), HasSubstr("`carry` temperature"),
                    Not(HasSubstr("38.5"))));
  const BatchRow acting = row_of(fever, {.acting = {"temperature"}, .carried = {}});
  EXPECT_EQ(acting.settings.dump(), R"({"temperature":38.5})");
  const BatchRow all = row_of(fever, {.all_act = true, .acting = {}, .carried = {}});
  EXPECT_EQ(all.settings.dump(), R"({"temperature":38.5})");
  for (const FieldChoice& choice :
       {FieldChoice{.acting = {}, .carried = {"temperature"}},
        FieldChoice{.all_act = true, .acting = {}, .carried = {"temperature"}},
        FieldChoice{.all_carried = true, .acting = {}, .carried = {}}}) {
    const BatchRow carried = row_of(fever, choice);
    EXPECT_FALSE(carried.error);
    EXPECT_THAT(carried.settings, IsEmpty());
    EXPECT_EQ(carried.extras.size(), 2U);
  }
}

TEST(RowFieldsTest, ANullIsUnclearTooAndSetsNothingWhereItActs) {
  EXPECT_EQ(code_of(R"({"prompt":"a","n":null})"), kUnclearField);
  const BatchRow row = row_of(R"({"prompt":"a","n":null})", {.acting = {"n"}, .carried = {}});
  EXPECT_FALSE(row.error);
  EXPECT_THAT(row.settings, IsEmpty());
}

TEST(RowFieldsTest, TheObjectSettingsAlwaysActs) {
  const BatchRow row = row_of(R"({"prompt":"a","settings":{"top_p":0.5,"n":null}})");
  EXPECT_FALSE(row.error);
  EXPECT_EQ(row.settings.dump(), R"({"top_p":0.5})");
  EXPECT_EQ(code_of(R"({"prompt":"a","settings":null})"), "");
  EXPECT_EQ(code_of(R"({"prompt":"a","settings":"mine"})"), "bad_setting");
  EXPECT_EQ(code_of(R"({"prompt":"a","settings":{"topp":1}})"), "bad_setting");
  EXPECT_EQ(code_of(R"({"prompt":"a","n":2,"settings":{"n":2}})", {.acting = {"n"}, .carried = {}}),
            "bad_setting");
  EXPECT_EQ(row_of(R"({"prompt":"a","settings":"mine"})", {.acting = {}, .carried = {"settings"}})
                .extras.size(),
            1U);
}

TEST(RowFieldsTest, WhereAllRowsRunAlikeNoWayOfSettingIsOffered) {
  const BatchRow row =
      row_of(R"({"prompt":"a","n":2})", {.may_act = false, .acting = {}, .carried = {}});
  EXPECT_THAT(row.error->message, AllOf(HasSubstr("`carry`"), Not(HasSubstr("`row_settings`"))));
}

TEST(RowFieldsTest, AHeaderWithSuchColumnsIsRefusedAsAWhole) {
  const auto refusal = [](const FieldChoice& fields) -> std::string {
    RowParser parser(InputFormat::kCsv, {.prompt = {}, .id = {}, .fields = fields}, "x.csv");
    RawRow header{.line = 1, .text = "prompt,temperature,n,age"};
    header.fields = {"prompt", "temperature", "n", "age"};
    try {
      parser.take_header(header);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("x.csv"), HasSubstr("\"temperature\", \"n\""),
                                 HasSubstr("`row_settings` temperature,n")));
  EXPECT_THAT(refusal({.acting = {"n"}, .carried = {}}), HasSubstr("`carry` temperature"));
  EXPECT_EQ(refusal({.acting = {"n"}, .carried = {"temperature"}}), "");
}

TEST(RowFieldsTest, NearlySettingsAreNamedOnceAFile) {
  for (const auto& [name, meant] : {std::pair{"top_P", "top_p"},
                                    {"topP", "top_p"},
                                    {"Temperature", "temperature"},
                                    {"max_tokens", "max_new_tokens"},
                                    {"max-new-tokens", "max_new_tokens"},
                                    {"max_new_token", "max_new_tokens"},
                                    {"temprature", "temperature"},
                                    {"temperatuer", "temperature"},
                                    {"repeat_penalty", "repetition_penalty"}}) {
    EXPECT_EQ(nearly_setting(name), meant) << name;
  }
  for (const char* name : {"age", "sex", "step", "ward", "note", "date", "score", "name", "", "id",
                           "number", "length", "time", "top", "key"}) {
    EXPECT_EQ(nearly_setting(name), "") << name;
  }
  std::vector<std::string> told;
  const RowParser parser(InputFormat::kJsonl, {}, "x.jsonl",
                         [&](const std::string& message) { told.push_back(message); });
  for (int i = 0; i < 3; ++i) {
    const BatchRow row = parser.parse(
        {.line = 1, .text = R"({"prompt":"secret","top_P":"secret","age":3})", .too_long = false},
        0);
    EXPECT_FALSE(row.error);
    EXPECT_EQ(row.extras.size(), 2U);
  }
  EXPECT_THAT(told, ElementsAre(AllOf(HasSubstr("x.jsonl"), HasSubstr("\"top_P\""),
                                      HasSubstr("\"top_p\""), Not(HasSubstr("secret")))));
}

TEST(RowFieldsTest, NamesFromFilesReachNoTerminalRaw) {
  std::vector<std::string> told;
  const RowParser parser(InputFormat::kJsonl, {}, "x.jsonl",
                         [&](const std::string& message) { told.push_back(message); });
  parser.parse({.line = 1, .text = R"({"prompt":"a","top_p\u001b":1})", .too_long = false}, 0);
  EXPECT_THAT(told, ElementsAre(Not(HasSubstr("\x1b"))));
}

TEST(RowFieldsTest, ChoicesThatContradictThemselvesAreRefused) {
  const auto refused = [](const FieldChoice& choice) {
    try {
      check(choice);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return true;
    }
    return false;
  };
  EXPECT_TRUE(refused({.acting = {"n"}, .carried = {"n"}}));
  EXPECT_TRUE(refused({.acting = {"temprature"}, .carried = {}}));
  EXPECT_FALSE(refused({.acting = {"n", "top_p"}, .carried = {"temperature", "ward"}}));
  EXPECT_FALSE(refused({.all_act = true, .acting = {}, .carried = {"n"}}));
}

}  // namespace
}  // namespace medgen::batch
