// Texts that are never said: where they are found, where the text then goes back to, and what
// cannot be decided yet.
#include "text/never_say.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/utf8.h"

namespace medgen::text {
namespace {

using Place = std::optional<std::size_t>;

// Where `text`, cut into pieces of one character, first leads back to.
Place found(const std::vector<std::string>& texts, const std::string& text,
            const std::string& before = "") {
  NeverSay watch(texts);
  watch.begin_after(before);
  Utf8Stream characters;
  for (const char byte : text) {
    const Place place = watch.push(characters.push(std::string(1, byte)));
    if (place) return place;
  }
  NeverSay whole(texts);
  whole.begin_after(before);
  EXPECT_EQ(whole.push(text), std::nullopt) << "pieces play a part";
  return std::nullopt;
}

TEST(NeverSayTest, AWordIsFoundByItsBeginningWhateverItsCaseAndItsEnd) {
  for (const char* text :
       {"I cough", "I coughed", "I COUGHing", "(Cough", "chin-cough", "1-cough"}) {
    EXPECT_NE(found({"cough"}, text), std::nullopt) << text;
  }
  for (const char* text : {"I hiccough", "a cougar", "cou gh", "_cough", "5cough"}) {
    EXPECT_EQ(found({"cough"}, text), std::nullopt) << text;
  }
}

TEST(NeverSayTest, AStarFindsItWithinWordsAndGoesBackToTheirBeginning) {
  EXPECT_EQ(found({"*itis"}, "my arthritis"), Place(3));
  EXPECT_EQ(found({"*ITIS"}, "Itis"), Place(0));
  EXPECT_EQ(found({"itis"}, "my arthritis"), std::nullopt);
  EXPECT_EQ(found({"*diagnos"}, "self-undiagnosed"), Place(5));
  EXPECT_EQ(found({"**"}, "a b*c"), Place(3)) << "the second one is the text";
}

TEST(NeverSayTest, CaseFoldsAsUnicodeSays) {
  EXPECT_NE(found({"ÄRZTE"}, "die ärzte"), std::nullopt);
  EXPECT_NE(found({"νόσος"}, "ΝΌΣΟΣ"), std::nullopt) << "both small sigmas";
  EXPECT_NE(found({"kelvin"}, "\u212Aelvin"), std::nullopt);
  EXPECT_NE(found({"straße"}, "STRA\u1E9EE"), std::nullopt);
  EXPECT_EQ(found({"strasse"}, "straße"), std::nullopt) << "simple folding changes no length";
  EXPECT_EQ(found({"e"}, "é"), std::nullopt);
}

TEST(NeverSayTest, SeveralWordsLeadBackToTheFirst) {
  EXPECT_EQ(found({"heart attack"}, "a heart heart attack"), Place(8));
  EXPECT_EQ(found({"heart attack"}, "a heart rate"), std::nullopt);
  EXPECT_EQ(found({"heart attack", "attack"}, "a heart attack"), Place(8)) << "changes least";
}

TEST(NeverSayTest, ATextThatBeginsWithASignOrABlankIsFoundAnywhere) {
  EXPECT_EQ(found({"(r)"}, "drug(R)"), Place(4));
  EXPECT_EQ(found({" no"}, "and none"), Place(3));
}

TEST(NeverSayTest, WhatCameBeforeCountsButIsNotToBlame) {
  EXPECT_EQ(found({"diagnosis"}, "nosis", "my diag"), Place(0));
  EXPECT_EQ(found({"*itis"}, "s it is", "arthriti"), Place(0));
  EXPECT_EQ(found({"nosis"}, "nosis", "my diag"), std::nullopt) << "it begins no word";
  EXPECT_EQ(found({"diagnosis"}, "es", "my diagnosis"), std::nullopt) << "it was there already";
}

TEST(NeverSayTest, OccurrencesThatOverlapAreFound) {
  EXPECT_EQ(found({"aab"}, "aaab"), std::nullopt);
  EXPECT_EQ(found({"*aab"}, "aaab"), Place(0));
  EXPECT_EQ(found({"a a b"}, "a a a b"), Place(2));
  EXPECT_EQ(found({"in in"}, "begin in in"), Place(6)) << "the first does not begin a word";
}

TEST(NeverSayTest, OnlyWhatMayStillBecomeOneIsUndecided) {
  NeverSay watch({"diagnosis", "heart attack"});
  watch.begin_after("");
  const auto after = [&](const std::string& piece) {
    EXPECT_EQ(watch.push(piece), std::nullopt);
    return watch.undecided();
  };
  EXPECT_EQ(after("I have a"), 8U);
  EXPECT_EQ(after(" dia"), 9U);
  EXPECT_EQ(after("l"), 13U);
  EXPECT_EQ(after(" heart "), 14U);
  EXPECT_EQ(after("d"), 20U);
}

TEST(NeverSayTest, WithAStarTheWordIsUndecidedUpToItsLength) {
  NeverSay watch({"*itis"});
  watch.begin_after("");
  EXPECT_EQ(watch.push("my arthr"), std::nullopt);
  EXPECT_EQ(watch.undecided(), 3U);
  EXPECT_EQ(watch.push("o "), std::nullopt);
  EXPECT_EQ(watch.undecided(), 10U);
  EXPECT_EQ(watch.push(std::string(100, 'x')), std::nullopt);
  EXPECT_EQ(watch.undecided(), 110U - NeverSay::kLongestWord);
  EXPECT_EQ(watch.push("itis"), Place(110U - NeverSay::kLongestWord));
}

TEST(NeverSayTest, NothingLeadsBackToWhatWasDecided) {
  // All texts of seven characters over three, with several lists.
  for (const auto& texts : std::vector<std::vector<std::string>>{
           {"aab"}, {"*ba"}, {"a b", "b a"}, {" a", "*bb", "ab a"}}) {
    for (int code = 0; code < 2187; ++code) {
      NeverSay watch(texts);
      watch.begin_after("");
      std::size_t decided = 0;
      for (int i = 0, rest = code; i < 7; ++i, rest /= 3) {
        const Place place = watch.push(std::string(1, "ab "[rest % 3]));
        if (place) {
          EXPECT_GE(*place, decided) << code;
          break;
        }
        EXPECT_GE(watch.undecided(), decided) << code;
        decided = watch.undecided();
      }
    }
  }
}

TEST(NeverSayTest, AfterACutItIsAsIfTheRestHadNeverCome) {
  NeverSay watch({"diagnosis", "*itis"});
  watch.begin_after("some");
  EXPECT_EQ(watch.push(" é diagno"), std::nullopt);
  EXPECT_EQ(watch.push("sis and more"), Place(4));
  watch.cut(4);
  EXPECT_EQ(watch.push("sis"), std::nullopt);
  watch.cut(4);
  EXPECT_EQ(watch.push("diagno"), std::nullopt);
  watch.cut(8);
  EXPECT_EQ(watch.push("gnosis"), std::nullopt);
  watch.cut(8);
  EXPECT_EQ(watch.push("nosis"), Place(4));
}

TEST(NeverSayTest, FaultsAreNamed) {
  EXPECT_EQ(never_say_fault("*itis"), "");
  EXPECT_EQ(never_say_fault("**"), "");
  EXPECT_THAT(never_say_fault(""), ::testing::HasSubstr("empty"));
  EXPECT_THAT(never_say_fault("*"), ::testing::HasSubstr("alone"));
  EXPECT_THAT(never_say_fault("a\xFF"), ::testing::HasSubstr("byte 1"));
  EXPECT_THAT(never_say_fault("a\xEF\xBF\xBD"), ::testing::HasSubstr("U+FFFD"));
}

}  // namespace
}  // namespace medgen::text
