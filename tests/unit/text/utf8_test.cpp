// UTF-8: what is well-formed, how faults are reported and repaired, and streams cut anywhere.
#include "text/utf8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::HasSubstr;
using text_test::error_of;

TEST(Utf8Test, AcceptsTheFirstAndLastCharacterOfEveryLength) {
  for (const char32_t code :
       {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}) {
    std::string text;
    append_utf8(text, code);
    EXPECT_EQ(find_invalid_utf8(text), std::nullopt) << std::hex << static_cast<unsigned>(code);
  }
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
}

TEST(Utf8Test, NamesTheOffsetOfTheFirstFault) {
  EXPECT_EQ(find_invalid_utf8("\x80"), 0U);
  EXPECT_EQ(find_invalid_utf8("ab\xFFz\xFF"), 2U);
  EXPECT_EQ(find_invalid_utf8("é\xC0\x80"), 2U);         // overlong NUL
  EXPECT_EQ(find_invalid_utf8("\xE0\x80\xAF"), 0U);      // overlong slash
  EXPECT_EQ(find_invalid_utf8("\xF0\x8F\xBF\xBF"), 0U);  // overlong U+FFFF
  EXPECT_EQ(find_invalid_utf8("a\xED\xA0\x80"), 1U);     // surrogate U+D800
  EXPECT_EQ(find_invalid_utf8("a\xED\xBF\xBF"), 1U);     // surrogate U+DFFF
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U);  // U+110000
  EXPECT_EQ(find_invalid_utf8("\xF8\x88\x80\x80\x80"), 0U);
  EXPECT_EQ(find_invalid_utf8("abc\xE2\x82"), 3U);  // cut short
}

TEST(Utf8Test, RequireUtf8NamesTheOffsetAndNotTheText) {
  EXPECT_NO_THROW(require_utf8("fièvre", "the prompt"));
  const auto error = error_of([] { require_utf8("secret\xFFtext", "the prompt"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kUsage);
  EXPECT_THAT(error->what(), HasSubstr("the prompt is not valid UTF-8"));
  EXPECT_THAT(error->what(), HasSubstr("byte offset 6"));
  EXPECT_THAT(error->what(), testing::Not(HasSubstr("secret")));
}

TEST(Utf8Test, ReplacesMaximalSubparts) {
  // The example of the Unicode Standard, table 3-8 and its kin.
  EXPECT_EQ(replace_invalid_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                                 "b\x80"
                                 "c\x80\xBF"
                                 "d"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("x\xF0\x9F\x98"), "x\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("fièvre 🤒"), "fièvre 🤒");
}

TEST(Utf8StreamTest, HoldsBackHalfACharacter) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\xA4"), "");
  EXPECT_EQ(stream.push("\x92z"), "🤒z");
  EXPECT_EQ(stream.flush(), "");
}

TEST(Utf8StreamTest, FlushMendsWhatNeverBecameACharacter) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
  EXPECT_EQ(stream.flush(), "");
  EXPECT_EQ(stream.push("ok"), "ok");
}

TEST(Utf8StreamTest, PiecesAreValidAndAddUpHoweverTheBytesAreCut) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = text_test::random_text(random, 12);
    for (int fault = 0; fault < round % 4; ++fault) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    Utf8Stream stream;
    std::string sum;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + random() % 3;
      const std::string piece = stream.push(bytes.substr(at, size));
      ASSERT_EQ(find_invalid_utf8(piece), std::nullopt);
      sum += piece;
      at += size;
    }
    sum += stream.flush();
    ASSERT_EQ(sum, replace_invalid_utf8(bytes));
    if (!find_invalid_utf8(bytes)) {
      ASSERT_EQ(sum, bytes);
    }
  }
}

}  // namespace
}  // namespace medgen::text
