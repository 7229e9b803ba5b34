// Why a text is not JSON, and where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"

namespace medgen::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

struct Broken {
  std::string text;
  std::string place, why;
};

const std::vector<Broken>& broken_texts() {
  static const std::vector<Broken> texts = {
      {R"({"a":NaN})", "column 6: ", "NaN or Infinity"},
      {R"({"a":-Infinity})", "column 6: ", "NaN or Infinity"},
      {R"([1,inf])", "column 4: ", "NaN or Infinity"},
      {R"({"a":None})", "column 6: ", "Python"},
      {R"({"a":True})", "column 6: ", "Python"},
      {R"({'a':1})", "column 2: ", "single quote"},
      {R"({"a":'secret'})", "column 6: ", "single quote"},
      {R"({a:1})", "column 2: ", "name without double quotes"},
      {R"({"a":secret})", "column 6: ", "word without double quotes"},
      {R"({"a":1,})", "column 7: ", "comma before a closing bracket"},
      {R"([1,2, ])", "column 5: ", "comma before a closing bracket"},
      {R"([1,,2])", "column 4: ", "value is missing before a comma"},
      {R"({"a":})", "column 6: ", "value is missing"},
      {R"({"a" 1})", "column 6: ", "colon"},
      {R"({"a":1 "b":2})", "column 8: ", "comma or a closing bracket"},
      {R"([1})", "column 3: ", "other kind"},
      {R"({"a":1)", "column 7: ", "ends in the middle"},
      {R"({"a":"secret)", "column 6: ", "closing quote"},
      {"{} {}", "column 4: ", "follows the end"},
      {"", "column 1: ", "empty"},
      {"  ", "column 3: ", "empty"},
      {R"({"a":"\ud800 secret"})", "column 7: ", "surrogates"},
      {R"({"a":"\udc00"})", "column 7: ", "surrogates"},
      {R"({"a":"\ud83e\u0041"})", "column 7: ", "surrogates"},
      {R"({"a":"\u12"})", "column 7: ", "four hexadecimal digits"},
      {R"({"a":"C:\secret"})", "column 9: ", "escape"},
      {"{\"a\":\"x\tsecret\"}", "column 8: ", "control character"},
      {"{\"a\":\"\xC3\xA9\xFFsecret\"}", "column 8: ", "not UTF-8"},
      {"{\"a\":\"\xED\xA0\x80\"}", "column 7: ", "not UTF-8"},
      {R"({"a":01})", "column 6: ", "number"},
      {R"({"a":+1})", "column 6: ", "number"},
      {R"({"a":.5})", "column 6: ", "number"},
      {R"({"a":1.})", "column 6: ", "number"},
      {R"({"a":1e})", "column 6: ", "number"},
      {R"({"a":-})", "column 6: ", "number"},
      {"{\"a\":1} // secret", "column 9: ", "follows the end"},
      {"// secret\n{}", "line 1, column 1: ", "comment"},
      {"{\n  \"a\": 1,\n  \"b\": [1, 2,]\n}\n", "line 3, column 13: ", "comma before a closing"}};
  return texts;
}

TEST(JsonFaultTest, SaysWhyAndWhereAndNothingOfTheText) {
  for (const Broken& broken : broken_texts()) {
    EXPECT_TRUE(parse_json<Json>(broken.text).is_discarded()) << broken.text;
    EXPECT_THAT(json_syntax_fault(broken.text),
                AllOf(StartsWith(broken.place), HasSubstr(broken.why), Not(HasSubstr("secret"))))
        << broken.text;
  }
}

// The companion: what the library reads has no fault, whatever is cut out of it or put in.
TEST(JsonFaultTest, AgreesWithTheLibraryOnWhatIsJson) {
  std::vector<std::string> texts = {
      R"({"a":[1,-2.5e+3,0,-0,1E9],"b":{"c":null,"d":[true,false]},"e":"\"\\\/\b\u00e9\ud83e\udd12"})",
      "[]",
      "{}",
      " [ { } , [ ] ] ",
      "\"\xF0\x9F\xA4\x92\"",
      "\xEF\xBB\xBF[1]",
      "7"};
  for (const Broken& broken : broken_texts()) texts.push_back(broken.text);
  const std::string other = "{}[],:\"\\0-e.u n'";
  for (const std::string& text : texts) {
    for (std::size_t i = 0; i <= text.size(); ++i) {
      std::vector<std::string> variants = {text.substr(0, i), text.substr(i)};
      for (const char c : other) variants.push_back(std::string(text).insert(i, 1, c));
      for (const std::string& variant : variants) {
        EXPECT_EQ(json_syntax_fault(variant).empty(), !parse_json<Json>(variant).is_discarded())
            << variant;
      }
    }
  }
}

TEST(JsonFaultTest, ARepeatedKeyHasAPlace) {
  EXPECT_EQ(json_repeated_key(R"({"a":1,"b":2,"a":3})"), "column 14");
  EXPECT_EQ(json_repeated_key("{\"a\":{\n\"x\":1,\n\"x\":2}}"), "line 3, column 1");
  EXPECT_EQ(json_repeated_key(R"({"a":{"x":1},"b":{"x":2}})"), "");
}

}  // namespace
}  // namespace medgen::base
