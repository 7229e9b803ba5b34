// Canaries: what is planted, what is not, and what a file of them may hold.
#include "corpus/canaries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen::corpus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal_of(const std::string& lines) {
  const TemporaryFolder folder;
  try {
    read_canaries(folder.write("canaries.jsonl", lines));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CanariesTest, AreReadAsTheyAreWritten) {
  const TemporaryFolder folder;
  const std::vector<Canary> canaries = {{"The code is 281-330.", 20}, {"Bed 1234 of \u00E9", 0}};
  const auto file = folder.write("canaries.jsonl", canaries_jsonl(canaries));
  EXPECT_EQ(read_canaries(file), canaries);
}

TEST(CanariesTest, ThoseThatAreMadeDifferAndComeFromTheSeed) {
  const std::vector<Canary> canaries = make_canaries(10, 20, 1);
  ASSERT_EQ(canaries.size(), 20U);
  std::set<std::string> texts;
  for (std::size_t i = 0; i < canaries.size(); ++i) {
    EXPECT_EQ(canaries[i].times, i < 10 ? 20 : 0);
    EXPECT_EQ(digits_of(canaries[i].text), 9);
    texts.insert(canaries[i].text);
  }
  EXPECT_EQ(texts.size(), 20U);
  EXPECT_EQ(make_canaries(10, 20, 1), canaries);
  EXPECT_NE(make_canaries(10, 20, 2), canaries);
}

TEST(CanariesTest, OnlyDigitsAreReplaced) {
  const std::string text = "The code is 281-330.";
  std::set<std::string> others;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const std::string other = with_random_digits(text, 5, i);
    EXPECT_EQ(other.substr(0, 12), "The code is ");
    EXPECT_EQ(digits_of(other), 6);
    EXPECT_EQ(other[15], '-');
    others.insert(other);
  }
  EXPECT_GT(others.size(), 95U);
  EXPECT_EQ(with_random_digits(text, 5, 7), with_random_digits(text, 5, 7));
}

TEST(CanariesTest, AFileThatHoldsSomethingElseIsRefusedAndNotQuoted) {
  const struct {
    const char* lines;
    const char* says;
  } cases[] = {{"", "has no canaries"},
               {"secret", "not a JSON object"},
               {"[]", "not a JSON object"},
               {R"({"times": 3})", "\"text\" must be a text"},
               {R"({"text": "secret 12", "times": 3})", "2 digits; 4 or more"},
               {R"({"text": "secret 1234"})", "whole number from 0 to 1000"},
               {R"({"text": "secret 1234", "times": 1001})", "whole number from 0 to 1000"},
               {R"({"text": "secret 1234", "times": 1.5})", "whole number from 0 to 1000"},
               {R"({"text": "secret 1234", "times": 1, "weight": 2})", "has a member \"weight\""}};
  for (const auto& bad : cases) {
    const std::string message = refusal_of(bad.lines);
    EXPECT_THAT(message, HasSubstr(bad.says)) << bad.lines;
    EXPECT_THAT(message, Not(HasSubstr("secret")));
  }
  const std::string line = R"({"text": ")" + std::string(3000, '1') + R"(", "times": 1})";
  EXPECT_THAT(refusal_of(line), HasSubstr("at most 2000"));
  std::string many;
  for (int i = 0; i <= kMostCanaries; ++i) many += "{\"text\": \"1234\", \"times\": 1}\n";
  EXPECT_THAT(refusal_of(many), HasSubstr("more than 1000"));
}

}  // namespace
}  // namespace medgen::corpus
