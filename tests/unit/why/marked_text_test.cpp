#include "why/marked_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "unit/byte_tokenizer.h"

namespace medgen::why {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    return error.what();
  }
  return "not refused";
}

MarkedText bytes_of(const std::string& text) {
  const ByteTokenizer tokenizer;
  return spelled(tokenizer, tokenizer.encode(text, Specials::kAsText));
}

TEST(MarkedTextTest, SpecialTokensSpellNothingAndBelongToNone) {
  MarkedText text = spelled(ByteTokenizer(), {256, 'I', ' ', 'a', 256});
  EXPECT_EQ(text.text, "I a");
  mark(text, words_of(text.text));
  EXPECT_THAT(text.owners, ElementsAre(-1, 0, 1, 1, -1));
  EXPECT_EQ(text.tokens_of(1), 2U);
  mark_made_words(text);  // the end of what was made is a word of its own
  EXPECT_THAT(text.owners, ElementsAre(-1, 0, 1, 1, 2));
  EXPECT_EQ(text.span_text(2), "");
}

TEST(MarkedTextTest, BracketsMarkParts) {
  const BracketedText read = read_brackets("I have [chest pain] since [Monday].");
  EXPECT_EQ(read.text, "I have chest pain since Monday.");
  EXPECT_THAT(read.spans, ElementsAre(Span{7, 17}, Span{24, 30}));
}

TEST(MarkedTextTest, BracketsThatMarkNothingAreRefusedByTheirPlace) {
  const auto refused = [](const std::string& text) {
    return refusal([&] { read_brackets(text); });
  };
  EXPECT_THAT(refused("a [b"), HasSubstr("at byte 2 of the text is not closed"));
  EXPECT_THAT(refused("a b]"), HasSubstr("at byte 3 of the text closes none"));
  EXPECT_THAT(refused("[a [b] c]"), HasSubstr("at byte 3 of the text stands within another"));
  EXPECT_THAT(refused("a [ ] b"), HasSubstr("at byte 2 of the text has no words"));
  EXPECT_THAT(refused("secret"), HasSubstr("no parts in brackets"));
  EXPECT_THAT(refused("secret"), Not(HasSubstr("secret")));
}

TEST(MarkedTextTest, LinesQuotePartsOfTheText) {
  const std::string text = "pain and more pain in the chest";
  EXPECT_THAT(quoted_spans(text, "chest\r\n\npain\npain\n", "spans.txt"),
              ElementsAre(Span{0, 4}, Span{14, 18}, Span{26, 31}));
  const auto refused = [&](const std::string& lines) {
    return refusal([&] { quoted_spans(text, lines, "spans.txt"); });
  };
  EXPECT_THAT(refused("pain\nhidden"), HasSubstr("line 2 of spans.txt does not stand"));
  EXPECT_THAT(refused("pain\nhidden"), Not(HasSubstr("hidden")));
  EXPECT_THAT(refused("more pain\npain in"), HasSubstr("line 2 of spans.txt"));
  EXPECT_THAT(refused("\n \n"), HasSubstr("names no part"));
}

TEST(MarkedTextTest, PartsAreFoundInWhatTokensSpell) {
  const MarkedText led = bytes_of(" a b");  // as a tokenizer that begins with a blank spells it
  EXPECT_THAT(spans_of_spelled(led, "a b", {{2, 3}}), ElementsAre(Span{3, 4}));
  EXPECT_THAT(refusal([&] {
                spans_of_spelled(led, "a  b", {{0, 1}});
              }),
              HasSubstr("changes the text"));
}

TEST(MarkedTextTest, APartInsideATokenIsRefused) {
  MarkedText text = bytes_of("abc");
  text.ids = {1};
  text.bytes = {"abc"};
  text.special = {false};
  EXPECT_THAT(refusal([&] {
                spans_of_spelled(text, "abc", {{1, 3}});
              }),
              HasSubstr("part 1 holds no token's beginning"));
}

}  // namespace
}  // namespace medgen::why
