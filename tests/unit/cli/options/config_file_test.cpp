// What a configuration file holds, whoever wrote it.
#include "cli/options/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "medgen/error.h"

namespace medgen::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
}

std::string refusal(const std::string& text) {
  return refusal_of([&] { parse_config(text, "a.conf"); });
}

std::vector<std::string> values(const std::string& value, ConfigKind kind) {
  return config_values({"stop", value, 7}, "a.conf", kind);
}

std::string refused_value(const std::string& value, ConfigKind kind) {
  return refusal_of([&] { values(value, kind); });
}

TEST(ConfigFileTest, AValueIsTheRestOfTheLine) {
  const auto items =
      parse_config("# why\n\n  top_k =\t4 \r\nstop = a = b # c\nprompt = 'tis\n", "a.conf");
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].name, "top-k");
  EXPECT_EQ(items[0].value, "4");
  EXPECT_EQ(items[0].line, 3U);
  EXPECT_EQ(items[1].value, "a = b # c");
  EXPECT_EQ(items[2].value, "'tis");
  EXPECT_EQ(items[2].line, 5U);
}

TEST(ConfigFileTest, ValuesAreReadAsTheOptionTakesThem) {
  EXPECT_THAT(values("the end", ConfigKind::kOne), ElementsAre("the end"));
  EXPECT_THAT(values(R"("it#s \u00e9\n")", ConfigKind::kOne), ElementsAre("it#s \u00e9\n"));
  EXPECT_THAT(values("\"\"", ConfigKind::kOne), ElementsAre(""));
  EXPECT_THAT(values("[a]", ConfigKind::kOne), ElementsAre("[a]"));
  EXPECT_THAT(values("[11, 12, 13]", ConfigKind::kJson), ElementsAre("[11, 12, 13]"));
  EXPECT_THAT(values("{\"50256\": -1}", ConfigKind::kJson), ElementsAre("{\"50256\": -1}"));
  EXPECT_THAT(values(R"(["a", "[b]", [12, 7]])", ConfigKind::kMany),
              ElementsAre("a", "[b]", "[12,7]"));
  EXPECT_THAT(values("a, b", ConfigKind::kMany), ElementsAre("a, b"));
}

TEST(ConfigFileTest, ValuesThatAreNotWhatTheyLookLikeAreRefused) {
  EXPECT_THAT(refused_value("\"open", ConfigKind::kOne),
              AllOf(HasSubstr("a.conf, line 7, sets stop"), Not(HasSubstr("open"))));
  EXPECT_THAT(refused_value("\"a\" # why", ConfigKind::kOne), HasSubstr("not JSON"));
  EXPECT_THAT(refused_value("[a, b]", ConfigKind::kMany), HasSubstr("a list such as"));
  EXPECT_THAT(refused_value("[1]", ConfigKind::kMany), HasSubstr("other things than texts"));
  EXPECT_THAT(refused_value("[]", ConfigKind::kMany), HasSubstr("empty list"));
  EXPECT_THAT(refused_value("'a b'", ConfigKind::kOne), HasSubstr("single quotes"));
}

TEST(ConfigFileTest, LinesThatCannotBeReadAreRefusedByTheirNumber) {
  EXPECT_THAT(refusal("top-k = 1\n[generate]\n"),
              HasSubstr("line 2, looks like the beginning of a section"));
  EXPECT_THAT(refusal("\njson\n"), HasSubstr("line 2, has no ="));
  EXPECT_THAT(refusal("--top-k = 1\n"), HasSubstr("without the dashes"));
  EXPECT_THAT(refusal("top-k =\n"), HasSubstr("gives no value to top-k"));
  EXPECT_THAT(refusal(std::string("a = \0", 5)), HasSubstr("NUL"));
  EXPECT_THAT(refusal("a = \xe6\n"), HasSubstr("not UTF-8"));
  const std::string secret = refusal("Zebediah coughs = yes\n");
  EXPECT_THAT(secret, AllOf(HasSubstr("line 1"), Not(HasSubstr("Zebediah"))));
}

}  // namespace
}  // namespace medgen::cli
