// What messages repeat of what was given, and what is the nearest name.
#include "base/value_shown.h"

#include <gtest/gtest.h>

#include "base/nearest.h"

namespace medgen::base {
namespace {

TEST(ValueShownTest, NumbersAreQuoted) {
  for (const std::string number : {"3", "-1", "+2", "0.5", ".5", "7.", "1e400", "-1.5E-7",
                                   "99999999999", "18446744073709551616"}) {
    EXPECT_EQ(value_shown(number), "\"" + number + "\"");
  }
}

TEST(ValueShownTest, OfAnythingElseTheLengthIsTold) {
  EXPECT_EQ(value_shown("3abc"), "a text of 4 characters");
  EXPECT_EQ(value_shown("12.03.1956"), "a text of 10 characters");
  EXPECT_EQ(value_shown("x"), "a text of 1 character");
  EXPECT_EQ(value_shown("M\u00fcller"), "a text of 6 characters");
  EXPECT_EQ(value_shown(std::string(25, '1')), "a text of 25 characters");
  EXPECT_EQ(value_shown(""), "empty");
  for (const char* near : {"-", ".", "e5", "1e", "0x10", " 3", "3 ", "1e+"}) {
    EXPECT_EQ(value_shown(near).find('"'), std::string::npos) << near;
  }
}

TEST(ValueShownTest, AWordIsQuotedWhereItIsNearlyOneOfThoseAllowed) {
  EXPECT_EQ(word_shown("josnl", {"jsonl", "csv"}), "\"josnl\"");
  EXPECT_EQ(word_shown("Smith", {"jsonl", "csv"}), "a text of 5 characters");
  EXPECT_EQ(word_shown("c s", {"csv"}), "a text of 3 characters");
}

TEST(NearestTest, IsTheFewestEditsAwayIfThoseAreFew) {
  EXPECT_EQ(nearest("tempreature", {"top-k", "temperature"}), "temperature");
  EXPECT_EQ(nearest("headache", {"top-k", "temperature"}), "");
  EXPECT_EQ(nearest("x", {}), "");
  EXPECT_EQ(nearest("topK", {"top", "top-k"}), "top-k");
}

}  // namespace
}  // namespace medgen::base
