// Encodings and line ends, in blocks of every size.
#include "base/text_blocks.h"

#include <gtest/gtest.h>

#include "unit/base/blocks.h"

namespace medgen::base {
namespace {

std::string all_of(const Blocks& blocks) {
  std::string all;
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) all += block;
  return all;
}

std::string from(Encoding encoding, const std::string& bytes, std::size_t size) {
  return all_of(decoded(text_blocks(bytes, size), encoding, "it"));
}

// Little-endian, or with the bytes swapped.
std::string utf16(const std::u16string& text, bool big) {
  std::string bytes;
  for (const char16_t unit : text) {
    const char low = static_cast<char>(unit & 0xFFU), high = static_cast<char>(unit >> 8U);
    bytes += big ? high : low;
    bytes += big ? low : high;
  }
  return bytes;
}

TEST(TextBlocksTest, EncodingsBecomeUtf8) {
  for (const std::size_t size : {1, 2, 3, 100}) {
    EXPECT_EQ(from(Encoding::kUtf8, "\xC3\xA9\xFF", size), "\xC3\xA9\xFF");
    EXPECT_EQ(from(Encoding::kLatin1, "caf\xE9 \x80\xFF", size), "caf\xC3\xA9 \xC2\x80\xC3\xBF");
    EXPECT_EQ(from(Encoding::kWindows1252, "\x80\x99\x9F\xE9", size),
              "\xE2\x82\xAC\xE2\x84\xA2\xC5\xB8\xC3\xA9");
    for (const bool big : {false, true}) {
      EXPECT_EQ(from(Encoding::kUtf16, utf16(u"\uFEFFa\u00E9\u20AC\U0001F912\n", big), size),
                "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA4\x92\n");
    }
  }
}

TEST(TextBlocksTest, WhatIsNotDefinedBecomesAByteThatNoUtf8Has) {
  for (const std::size_t size : {1, 2, 3, 100}) {
    EXPECT_EQ(from(Encoding::kWindows1252, "a\x81\x8D\x8F\x90\x9Dz", size),
              "a\xFF\xFF\xFF\xFF\xFFz");
    const std::u16string halves = {0xFEFF, 'a', 0xD83E, 'b', 0xDD12, 'c', 0xD83E};
    EXPECT_EQ(from(Encoding::kUtf16, utf16(halves, false), size),
              "a\xFF"
              "b\xFF"
              "c\xFF");
    EXPECT_EQ(from(Encoding::kUtf16, utf16(u"\uFEFFa", false) + "b", size), "a\xFF");
  }
}

TEST(TextBlocksTest, Utf16NeedsItsMark) {
  for (const std::string& bytes :
       {std::string("a\0b\0", 4), std::string("text"), std::string(), std::string("a")}) {
    EXPECT_THROW(from(Encoding::kUtf16, bytes, 3), Error) << bytes;
  }
  EXPECT_EQ(from(Encoding::kUtf16, "\xFF\xFE", 1), "");
}

TEST(TextBlocksTest, CarriageReturnsAloneAreLineEnds) {
  EXPECT_TRUE(ends_lines_in_cr("a\rb\r"));
  for (const char* other : {"a\r\nb\r", "a\nb\r", "ab", ""}) EXPECT_FALSE(ends_lines_in_cr(other));
  for (const std::size_t size : {1, 2, 3, 100}) {
    EXPECT_EQ(all_of(cr_as_lf(text_blocks("a\rb\r\rc\r\nd\n", size))), "a\nb\n\nc\nd\n");
    EXPECT_EQ(all_of(cr_as_lf(text_blocks("", size))), "");
  }
}

TEST(TextBlocksTest, ABeginningIsReadAgain) {
  EXPECT_EQ(all_of(with_beginning("ab", text_blocks("cd", 1))), "abcd");
  EXPECT_EQ(all_of(with_beginning("", text_blocks("cd", 1))), "cd");
}

TEST(TextBlocksTest, EncodingsHaveNames) {
  for (const Encoding encoding :
       {Encoding::kUtf8, Encoding::kUtf16, Encoding::kWindows1252, Encoding::kLatin1}) {
    EXPECT_EQ(encoding_named(name_of(encoding)), encoding);
  }
  EXPECT_FALSE(encoding_named("ebcdic"));
}

}  // namespace
}  // namespace medgen::base
