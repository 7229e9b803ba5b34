// Files that would lead the sentencepiece library astray are refused before it sees them.
#include "text/sentencepiece_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>

#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::HasSubstr;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>((value & 0x7FU) | 0x80U);
  return bytes + static_cast<char>(value);
}

std::string field(unsigned number, const std::string& bytes) {
  return varint(number << 3U | 2U) + varint(bytes.size()) + bytes;
}

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// Units of a trie: where the children of unit `at` begin, whether a rule ends, and the label.
std::uint32_t unit(std::size_t at, std::size_t children, bool rule, unsigned char label) {
  return static_cast<std::uint32_t>(at ^ children) << 10U | (rule ? 1U << 8U : 0U) | label;
}
constexpr std::uint32_t kRuleText = 0x80000000U;  // plus where the text begins

using Units = std::vector<std::uint32_t>;

// One block in which no unit is a child.
Units empty_trie(std::size_t units = 256) { return Units(units, kRuleText); }

// "a" becomes the first text.
Units one_rule() {
  Units units = empty_trie();
  units[0] = unit(0, 1, false, 0);
  units[1 ^ 'a'] = unit(1 ^ 'a', 2, true, 'a');
  return units;
}

std::string charsmap(const Units& units, const std::string& texts) {
  std::string trie;
  for (const std::uint32_t bits : units) trie += little_endian(bits);
  return little_endian(static_cast<std::uint32_t>(trie.size())) + trie + texts;
}

std::string with_charsmap(const std::string& blob, unsigned spec = 3) {
  return text_test::small_sentencepiece_model() + field(spec, field(2, blob));
}

std::string refusal_of(const std::string& model) {
  const auto error =
      text_test::error_of([&] { check_sentencepiece_model(model, "hostile.model"); });
  if (!error) return "";
  EXPECT_EQ(error->code(), ErrorCode::kModel);
  EXPECT_THAT(error->what(), HasSubstr("hostile.model"));
  return error->what();
}

const std::string kTexts = std::string("b\0", 2);

TEST(SentencePieceCheckTest, SoundModelsPass) {
  EXPECT_EQ(refusal_of(text_test::small_sentencepiece_model("unigram")), "");
  EXPECT_EQ(refusal_of(text_test::small_sentencepiece_model("bpe")), "");
  EXPECT_EQ(refusal_of(with_charsmap(charsmap(one_rule(), kTexts))), "");
  EXPECT_EQ(refusal_of(with_charsmap("")), "");
}

TEST(SentencePieceCheckTest, EveryCutIsRefusedOrAWholeNumberOfFields) {
  const std::string model = with_charsmap(charsmap(one_rule(), kTexts));
  int refused = 0;
  for (std::size_t kept = model.size() - 1100; kept < model.size(); ++kept) {
    refused += refusal_of(model.substr(0, kept)).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

TEST(SentencePieceCheckTest, RulesThatPointOutOfTheirTablesAreRefused) {
  for (const unsigned spec : {3U, 5U}) {
    Units far_root = one_rule();
    far_root[0] = unit(0, 300, false, 0);
    EXPECT_THAT(refusal_of(with_charsmap(charsmap(far_root, kTexts), spec)),
                HasSubstr("out of their table"));
    Units far_child = one_rule();
    far_child[1 ^ 'a'] = unit(1 ^ 'a', 100'000, false, 'a');
    EXPECT_THAT(refusal_of(with_charsmap(charsmap(far_child, kTexts), spec)),
                HasSubstr("out of their table"));
    Units shifted = one_rule();  // the bit that multiplies an offset by 256
    shifted[1 ^ 'a'] |= 1U << 9U;
    EXPECT_NE(refusal_of(with_charsmap(charsmap(shifted, kTexts), spec)), "");
    Units far_text = one_rule();
    far_text[2] = kRuleText | 2U;
    EXPECT_THAT(refusal_of(with_charsmap(charsmap(far_text, kTexts), spec)),
                HasSubstr("out of their texts"));
  }
}

TEST(SentencePieceCheckTest, TablesOfAnotherSizeAreRefused) {
  EXPECT_NE(refusal_of(with_charsmap("abc")), "");
  EXPECT_NE(refusal_of(with_charsmap(little_endian(0xFFFFFFFFU) + "abc")), "");
  EXPECT_NE(refusal_of(with_charsmap(charsmap({}, kTexts))), "");
  EXPECT_NE(refusal_of(with_charsmap(charsmap(empty_trie(255), kTexts))), "");
  EXPECT_NE(refusal_of(with_charsmap(charsmap(one_rule(), ""))), "");
  EXPECT_NE(refusal_of(with_charsmap(charsmap(one_rule(), "no end"))), "");
}

TEST(SentencePieceCheckTest, RulesInACircleAreRefused) {
  Units circle = one_rule();
  circle[1 ^ 'a'] = unit(1 ^ 'a', 1, false, 'a');
  EXPECT_THAT(refusal_of(with_charsmap(charsmap(circle, kTexts))), HasSubstr("circle"));
}

// The library's array of what it found has 32 places.
TEST(SentencePieceCheckTest, MoreRulesWithinEachOtherThanTheLibraryKeepsAreRefused) {
  const auto chain = [](int rules) {
    Units units = empty_trie(256 * 64);
    units[0] = unit(0, 256, false, 0);
    for (std::size_t level = 1; level <= static_cast<std::size_t>(rules); ++level) {
      const std::size_t at = (256 * level) ^ 'a';
      units[at] = unit(at, 256 * (level + 1), true, 'a');
    }
    return with_charsmap(charsmap(units, kTexts));
  };
  EXPECT_EQ(refusal_of(chain(32)), "");
  EXPECT_THAT(refusal_of(chain(33)), HasSubstr("too often"));
}

TEST(SentencePieceCheckTest, RulesThatLengthenATextWithoutBoundAreRefused) {
  const std::string texts = std::string(257, 'x') + '\0';
  EXPECT_THAT(refusal_of(with_charsmap(charsmap(one_rule(), texts))), HasSubstr("lengthen"));
}

TEST(SentencePieceCheckTest, PiecesThatNoModelHasAreRefused) {
  const std::string model = text_test::small_sentencepiece_model();
  EXPECT_THAT(refusal_of(model + field(1, field(1, "a\xFF"))), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal_of(model + field(1, field(1, std::string(5000, 'a')))), HasSubstr("5000"));
  const auto nan = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(refusal_of(model + field(1, field(1, "ab") + '\x15' + little_endian(nan))),
              HasSubstr("score"));
  std::string many = model;
  for (int i = 0; i < (1 << 18); ++i) many += field(1, "");
  EXPECT_THAT(refusal_of(many), HasSubstr("too large"));
  EXPECT_THAT(refusal_of(model + field(4, std::string(17 << 20, 'x'))), HasSubstr("size"));
}

TEST(SentencePieceCheckTest, WhatIsNoProtocolBufferIsRefused) {
  for (const std::string bad : {"nonsense", "\x0B", "\x0A\x7F", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF"}) {
    EXPECT_NE(refusal_of(bad), "");
  }
}

}  // namespace
}  // namespace medgen::text
