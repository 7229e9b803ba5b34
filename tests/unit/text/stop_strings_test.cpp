// Stop strings in streamed text, against a search of the whole text.
#include "text/stop_strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::HasSubstr;
using text_test::error_of;

TEST(StopMatcherTest, WithoutStopStringsLetsEverythingThroughAtOnce) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.push("abc"), "abc");
  EXPECT_EQ(matcher.flush(), "");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcherTest, CutsExactlyBeforeTheStopString) {
  StopMatcher matcher({"\n\nPatient:"});
  EXPECT_EQ(matcher.push("Rest.\n\nPatient: I"), "Rest.");
  EXPECT_TRUE(matcher.matched());
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcherTest, HoldsBackOnlyWhatMayStillBecomeAStopString) {
  StopMatcher matcher({"###"});
  EXPECT_EQ(matcher.push("a#"), "a");
  EXPECT_EQ(matcher.push("#"), "");
  EXPECT_EQ(matcher.push("b"), "##b");
  EXPECT_EQ(matcher.push("c##"), "c");
  EXPECT_EQ(matcher.flush(), "##");
}

TEST(StopMatcherTest, FindsAStopStringSpreadOverPieces) {
  StopMatcher matcher({"STOP"});
  EXPECT_EQ(matcher.push("xS"), "x");
  EXPECT_EQ(matcher.push("TO"), "");
  EXPECT_EQ(matcher.push("P!"), "");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, FallsBackInsideAStopStringThatRepeatsItself) {
  StopMatcher matcher({"aab"});
  EXPECT_EQ(matcher.push("aaa"), "a");
  EXPECT_EQ(matcher.push("ab"), "a");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, TheMatchThatEndsFirstWinsAndTheLongestOfThose) {
  StopMatcher inner({"abcd", "c"});
  EXPECT_EQ(inner.push("xabcd"), "xab");
  StopMatcher longest({"c", "bc"});
  EXPECT_EQ(longest.push("abc"), "a");
}

TEST(StopMatcherTest, NeverLetsOutHalfACharacter) {
  StopMatcher matcher({"éé"});
  EXPECT_EQ(matcher.push("aé"), "a");
  EXPECT_EQ(matcher.push("è"), "éè");  // é and è share their first byte
  StopMatcher lone({"é!"});
  const std::string safe = lone.push("xè");
  EXPECT_EQ(find_invalid_utf8(safe), std::nullopt);
  EXPECT_EQ(safe, "xè");
}

TEST(StopMatcherTest, RefusesAnEmptyOrBrokenStopString) {
  EXPECT_THAT(error_of([] { StopMatcher({"a", ""}); })->what(), HasSubstr("empty"));
  EXPECT_THAT(error_of([] { StopMatcher({"a\xFF"}); })->what(), HasSubstr("byte offset 1"));
}

// What StopMatcher promises, computed from the whole text.
std::string cut_of_whole(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const auto& stop : stops) {
      if (std::string_view(text).substr(0, end).ends_with(stop))
        longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

TEST(StopMatcherTest, AgreesWithASearchOfTheWholeTextHoweverItIsCut) {
  std::mt19937 random(2);
  const std::vector<std::string> alphabet = {"a", "b", "é", "è", "🤒"};
  const auto draw = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += alphabet[random() % alphabet.size()];
    return text;
  };
  int matched = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stops;
    std::size_t longest = 0;
    for (unsigned i = 0; i < 1 + random() % 3; ++i) {
      stops.push_back(draw(1 + random() % 5));
      longest = std::max(longest, stops.back().size());
    }
    StopMatcher matcher(stops);
    std::string text;
    std::string shown;
    for (int piece = 0; piece < 8; ++piece) {
      const std::string next = draw(random() % 4);
      text += next;
      const std::string safe = matcher.push(next);
      ASSERT_EQ(find_invalid_utf8(safe), std::nullopt);
      shown += safe;
      if (!matcher.matched()) {
        ASSERT_LT(text.size() - shown.size(), longest);
      }
    }
    shown += matcher.flush();
    ASSERT_EQ(shown, cut_of_whole(text, stops));
    ASSERT_EQ(matcher.matched(), shown != text);
    matched += matcher.matched() ? 1 : 0;
  }
  EXPECT_GT(matched, 1000);
  EXPECT_LT(matched, 4900);
}

}  // namespace
}  // namespace medgen::text
