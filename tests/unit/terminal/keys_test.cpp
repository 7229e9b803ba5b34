// Keys from the bytes that terminals send.
#include "terminal/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "terminal/recall.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;
using Kind = Key::Kind;

std::vector<Key> keys(KeyReader& reader, std::string_view bytes) {
  reader.push(bytes);
  std::vector<Key> all;
  while (auto key = reader.next()) all.push_back(*key);
  return all;
}

std::vector<Key> keys(std::string_view bytes) {
  KeyReader reader;
  return keys(reader, bytes);
}

TEST(KeysTest, TextControlsAndArrows) {
  EXPECT_THAT(keys("caf\xC3\xA9\r"),
              ElementsAre(Key{Kind::kText, "caf\xC3\xA9"}, Key{Kind::kEnter}));
  EXPECT_THAT(
      keys("\x01\x7f\t\x1b[A\x1bOB\x1b[1;5D\x1b[3~"),
      ElementsAre(Key{Kind::kControl, "", 'A'}, Key{Kind::kControl, "", '?'}, Key{Kind::kTab},
                  Key{Kind::kUp}, Key{Kind::kDown}, Key{Kind::kWordLeft}, Key{Kind::kDelete}));
  EXPECT_THAT(keys("\x1b\r\x1b"
                   "b"),
              ElementsAre(Key{Kind::kNewline}, Key{Kind::kAlt, "", 'b'}));
}

TEST(KeysTest, UnknownSequencesLeaveNothingBehind) {
  EXPECT_THAT(keys("\x1b[1;6A\x1b[200;5;3x\x1b[M"),
              ElementsAre(Key{Kind::kUnknown}, Key{Kind::kUnknown}, Key{Kind::kUnknown}));
  EXPECT_THAT(keys("\x1b[12\x01x"), ElementsAre(Key{Kind::kUnknown}, Key{Kind::kControl, "", 'A'},
                                                Key{Kind::kText, "x"}));
  EXPECT_EQ(keys("\x1b[" + std::string(1000, '1') + "\r").back(), Key{Kind::kEnter}) << "bounded";
}

TEST(KeysTest, PasteIsOneKeyWhateverItHolds) {
  EXPECT_THAT(keys("\x1b[200~one\rtwo \x1b[31mred\x03\r\nthree\tx\x7f\xC2\x9B\x1b[201~y"),
              ElementsAre(Key{Kind::kPaste, "one\ntwo ^[[31mred^C\nthree\tx^?<U+009B>"},
                          Key{Kind::kText, "y"}));
}

// However the bytes are cut, the keys are the same (but for where text is cut).
TEST(KeysTest, BytesMayArriveOneByOne) {
  const std::string bytes =
      "a\xE7\x99\xBC\x1b[200~p\xC3\xA9\r\x1b[Aq\x1b[201~\x1b[A\x1b\r\x01\xF0\x9F\x98\x80\r";
  const auto joined = [](const std::vector<Key>& all) {
    std::vector<Key> out;
    for (const Key& key : all) {
      if (!out.empty() && key.kind == Kind::kText && out.back().kind == Kind::kText) {
        out.back().text += key.text;
      } else {
        out.push_back(key);
      }
    }
    return out;
  };
  KeyReader reader;
  std::vector<Key> one_by_one;
  for (const char byte : bytes) {
    for (Key& key : keys(reader, {&byte, 1})) one_by_one.push_back(std::move(key));
  }
  EXPECT_EQ(joined(one_by_one), joined(keys(bytes)));
  EXPECT_EQ(joined(one_by_one).size(), 7U);
}

TEST(KeysTest, BrokenUtf8BecomesReplacementCharacters) {
  EXPECT_THAT(keys("a\xFF"
                   "b\xC3\r"),
              ElementsAre(Key{Kind::kText,
                              "a\xEF\xBF\xBD"
                              "b\xEF\xBF\xBD"},
                          Key{Kind::kEnter}));
}

// Whatever arrives: no key brings a control character, and no byte is waited for that is there.
TEST(KeysTest, NoBytesBecomeControlCharacters) {
  std::mt19937 random(5);
  const std::vector<std::string> parts = {
      "\x1b", "[", "200~", "\x1b[201~", "\x1b[200~", "\x9b", "\xC2",  "\x85", "\r",
      "\n",   ";", "a",    "\x7f",      "\xE2\x80",  "\x80", "\x1bO", "\t",   "\x03"};
  for (int round = 0; round < 2000; ++round) {
    KeyReader reader;
    std::vector<Key> all;
    for (int i = 0; i < 40; ++i) {
      for (Key& key : keys(reader, parts[random() % parts.size()])) all.push_back(std::move(key));
    }
    for (Key& key : keys(reader, "\x1b[201~\x1b[201~\r")) all.push_back(std::move(key));
    for (const Key& key : all) {
      ASSERT_EQ(text::visible(key.text), key.text);
      ASSERT_EQ(key.text.find('\r'), std::string::npos);
    }
    ASSERT_EQ(all.back(), Key{Kind::kEnter});
  }
}

TEST(KeysTest, AnUnfinishedKeyWaits) {
  EXPECT_THAT(keys("\x1b"), IsEmpty());
  EXPECT_THAT(keys("\x1b[1;"), IsEmpty());
  EXPECT_THAT(keys("\xE7\x99"), IsEmpty());
  EXPECT_THAT(keys("\x1b[200~text"), IsEmpty());
}

TEST(RecallTest, GoesBackAndForthAndKeepsWhatWasBegun) {
  Recall recall;
  EXPECT_EQ(recall.older("x"), std::nullopt);
  recall.add("one");
  recall.add("two");
  recall.add("two");
  recall.add("");
  EXPECT_THAT(recall.older("begun"), Optional(Eq("two")));
  EXPECT_THAT(recall.older("two"), Optional(Eq("one")));
  EXPECT_EQ(recall.older("one"), std::nullopt);
  EXPECT_THAT(recall.newer(), Optional(Eq("two")));
  EXPECT_THAT(recall.newer(), Optional(Eq("begun")));
  EXPECT_EQ(recall.newer(), std::nullopt);
  recall.forget();
  EXPECT_EQ(recall.older("x"), std::nullopt);
}

}  // namespace
}  // namespace medgen::terminal
