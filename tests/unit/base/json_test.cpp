// Bounded JSON: what is read, what is discarded and why, and that no reader goes around it.
#include "base/json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <vector>

#include "places.h"

namespace medgen::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Json = nlohmann::json;

std::string nested(int levels) {
  return std::string(static_cast<std::size_t>(levels), '[') +
         std::string(static_cast<std::size_t>(levels), ']');
}

TEST(BoundedJsonTest, ReadsWhatTheLibraryReads) {
  for (const char* text : {"{}", "[1, 2.5, \"]]\", null]", R"({"a": {"b": "\"[{\\"}})", "7"}) {
    EXPECT_EQ(parse_json<Json>(text), Json::parse(text)) << text;
  }
  EXPECT_EQ(parse_json<Json>(R"({"a": 1, "a": 2})"), Json::parse(R"({"a": 2})"));
}

TEST(BoundedJsonTest, NestingIsReadUpToTheLimit) {
  EXPECT_FALSE(parse_json<Json>(nested(kMaxJsonDepth)).is_discarded());
  EXPECT_TRUE(parse_json<Json>(nested(kMaxJsonDepth + 1)).is_discarded());
  EXPECT_EQ(json_fault(nested(100'000), "not JSON"), "nested more deeply than 64 levels");
  EXPECT_EQ(json_fault(std::string(1'000'000, '['), "not JSON"),
            "nested more deeply than 64 levels");
}

TEST(BoundedJsonTest, BracketsInStringsAreNoNesting) {
  EXPECT_EQ(json_depth(R"({"a": "[[[[", "b\"[[": ["\\", "{"]})"), 2);
  EXPECT_EQ(parse_json<Json>("\"" + std::string(1000, '[') + "\"").get<std::string>().size(),
            1000U);
}

TEST(BoundedJsonTest, MoreValuesThanTheLimitAreNotRead) {
  std::string many = "[0";
  for (std::size_t i = 1; i + 1 < kMaxJsonValues; ++i) many += ",0";
  EXPECT_FALSE(parse_json<Json>(many + "]").is_discarded());
  EXPECT_TRUE(parse_json<Json>(many + ",0,0]").is_discarded());
  EXPECT_EQ(json_fault(many + ",0,0]", "not JSON"), "JSON of more than 2097152 values");
}

// `count` members, each of which is an object of one.
std::string object_of(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += fmt::format("{}\"x{}\":{{\"y\":[1,2]}}", i > 0 ? "," : "", i);
  return text + "}";
}

TEST(BoundedJsonTest, MoreMembersThanTheLimitAreReadWithoutTheirOrderAlone) {
  using Ordered = nlohmann::ordered_json;
  const std::string most = object_of(kMaxJsonMembers), many = object_of(kMaxJsonMembers + 1);
  EXPECT_EQ(json_members(most), 8192U);
  EXPECT_FALSE(parse_json<Ordered>(most).is_discarded());
  for (const std::string& text : {many, "[{\"a\": 1, \"b\": " + many + "}]"}) {
    EXPECT_TRUE(parse_json<Ordered>(text).is_discarded());
    EXPECT_FALSE(parse_json<Json>(text).is_discarded());
    EXPECT_EQ(json_fault(text, "not JSON"), "JSON with an object of more than 8192 members");
    EXPECT_EQ(json_fault(text, ""), "JSON with an object of more than 8192 members");
  }
  // What is no JSON is so for another reason.
  EXPECT_THAT(json_fault(many + "}", "not JSON"), ::testing::StartsWith("not JSON (column "));
  // Neither a list nor the objects in it add up.
  std::string list = "[{}";
  for (int i = 0; i < 3 * kMaxJsonMembers; ++i) list += ",{\"a\":1}";
  EXPECT_FALSE(parse_json<Ordered>(list + "]").is_discarded());
  EXPECT_LE(json_members(list + "]"), 1U);
  for (const char* text : {"]]]],,,", "}}}}{,", ""}) {
    EXPECT_LE(json_members(text), 3U) << text;
  }
}

TEST(BoundedJsonTest, ANumberOutOfRangeIsNamedByItsKey) {
  EXPECT_EQ(json_fault(R"({"size": 1, "dtype": [1e400]})", "not JSON"),
            "JSON with a number that is too large (above 1.8e308) under \"dtype\"");
  EXPECT_EQ(json_fault("1e400", "not JSON"),
            "JSON with a number that is too large (above 1.8e308)");
  const std::string hostile = R"({"\u001b[2J)" + std::string(100, 'k') + R"(": -1e999})";
  EXPECT_EQ(json_fault(hostile, "not JSON").find('\x1b'), std::string::npos);
  EXPECT_LT(json_fault(hostile, "not JSON").size(), 150U);
}

TEST(BoundedJsonTest, OtherTextIsWhatTheCallerCallsItAndWhy) {
  for (const char* text : {"", "{", "{\"a\": }", "nonsense", "{} {}"}) {
    EXPECT_TRUE(parse_json<Json>(text).is_discarded()) << text;
    EXPECT_THAT(json_fault(text, "not JSON"), ::testing::StartsWith("not JSON (column ")) << text;
    EXPECT_EQ(json_fault(text, ""), "") << text;
  }
  EXPECT_EQ(json_fault("{\"a\": nan}", "not JSON"),
            "not JSON (column 7: NaN or Infinity, which JSON does not know; write null)");
}

TEST(BoundedJsonTest, MembersKeepTheirSpelling) {
  EXPECT_THAT(
      json_member_texts(R"( {"a": 1.10, "b":{ "c" : [1e2, "x, } \" y"] } ,"d":"\u00e9\\"})"),
      ElementsAre("1.10", R"({"c":[1e2,"x, } \" y"]})", R"("\u00e9\\")"));
  EXPECT_THAT(json_member_texts("{}"), IsEmpty());
  EXPECT_THAT(json_member_texts(R"({"a:b":null})"), ElementsAre("null"));
}

// Lines that hand text to the library's own parser.
std::vector<int> unbounded_readers(const std::string& source) {
  static const std::regex kCall(R"(([Jj]son|Json_t)::(parse|sax_parse|accept|from_\w+)\s*\()");
  std::vector<int> found;
  std::istringstream lines(source);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (std::regex_search(line, kCall)) found.push_back(number);
  }
  return found;
}

TEST(BoundedJsonTest, EveryReaderOfTheSourceIsBounded) {
  namespace fs = std::filesystem;
  const fs::path src = fs::path(MEDGEN_SOURCE_DIR) / "src";
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(src)) {
    const fs::path& file = entry.path();
    if (file.extension() != ".cpp" && file.extension() != ".h") continue;
    const fs::path place = file.lexically_relative(src);
    if (place == "base/json.h" || place == "base/json.cpp") continue;
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    EXPECT_THAT(unbounded_readers(text.str()), IsEmpty()) << place;
    ++files;
  }
  EXPECT_GT(files, 100);
}

TEST(BoundedJsonTest, NoticesAReaderThatIsNotBounded) {
  EXPECT_THAT(unbounded_readers("auto a = nlohmann::json::parse(text);\n"
                                "int x = 0;\n"
                                "const Json b = Json::parse(line.text, nullptr, false);\n"
                                "nlohmann::ordered_json::accept(text);\n"
                                "Json::sax_parse(text, &reader);\n"
                                "engine::SettingsJson::parse(text);\n"),
              ElementsAre(1, 3, 4, 5, 6));
  EXPECT_THAT(unbounded_readers("base::parse_json<Json>(text); Json::object();\n"), IsEmpty());
}

}  // namespace
}  // namespace medgen::base
