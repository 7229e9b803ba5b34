// Cleaning: what goes, what stays, what is counted.
#include "corpus/clean.h"

#include <gtest/gtest.h>

namespace medgen::corpus {
namespace {

std::string clean(const std::string& text) {
  CleanCounts unused;
  return clean_text(text, unused);
}

TEST(CleanTest, LeavesPlainTextAsItIs) {
  CleanCounts counts;
  const std::string text =
      "Fever of 39 °C.\n\nCaf\u00E9, \u201Cquoted\u201D \u2265 5 mg.\n- one\n- two";
  EXPECT_EQ(clean_text(text, counts), text);
  EXPECT_EQ(counts.html_tags + counts.html_entities + counts.control_characters +
                counts.zero_width + counts.composed + counts.spacing,
            0U);
}

TEST(CleanTest, RemovesElementsOfHtmlOnly) {
  EXPECT_EQ(clean("<p>A <b>bold</b> claim.</p><br/>Next"), "A bold claim.\n\nNext");
  EXPECT_EQ(clean("a<!-- not <b>this</b> -->b"), "ab");
  EXPECT_EQ(clean("<script>var x = '<p>';</script>kept"), "kept");
  EXPECT_EQ(clean("<a href=\"x\">link</a>"), "link");
  EXPECT_EQ(clean("p < 0.05 and x > 3, a<b, <unknown>, <0.1"),
            "p < 0.05 and x > 3, a<b, <unknown>, <0.1");
}

TEST(CleanTest, ReplacesEntitiesOnce) {
  EXPECT_EQ(clean("5 &lt; 6 &amp;amp; &#233;&#xE9; &mdash; &nosuch; R&D; &#0;"),
            "5 < 6 &amp; \u00E9\u00E9 \u2014 &nosuch; R&D;");
}

TEST(CleanTest, RemovesWhatNobodySees) {
  CleanCounts counts;
  EXPECT_EQ(clean_text("a\u200Bb\u00ADc\uFEFFd\u202Ee\x07"
                       "f\u0085g\x7Fh",
                       counts),
            "abcdef\ngh");
  EXPECT_EQ(counts.zero_width, 4U);
  EXPECT_EQ(counts.control_characters, 2U);
}

TEST(CleanTest, ComposesToNfc) {
  CleanCounts counts;
  EXPECT_EQ(clean_text("cafe\u0301", counts), "caf\u00E9");
  EXPECT_EQ(counts.composed, 1U);
}

TEST(CleanTest, PutsSpacesAndLineBreaksInOrder) {
  CleanCounts counts;
  EXPECT_EQ(clean_text("\n a\t\tb \u00A0 c  \r\n\r\n\r\n\r\nd\re \n", counts), "a b c\n\nd\ne");
  EXPECT_EQ(counts.spacing, 1U);
  EXPECT_EQ(clean(" \n\t "), "");
}

TEST(CleanTest, LongRunsOfAngleBracketsAreQuick) {
  const std::string text(200'000, '<');
  EXPECT_EQ(clean(text), text);
}

}  // namespace
}  // namespace medgen::corpus
