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
  // NOLINTNEXTLINE(misc-misleading-bidirectional): what is taken out
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

TEST(CleanTest, AScriptEndsWhateverTheCaseOfItsTagsAndOneWithoutAnEndLosesItsTagAlone) {
  EXPECT_EQ(clean("a<SCRIPT>x</Script>b<style>y"), "a\nb\ny");
  EXPECT_EQ(clean("a</script>b<script>x</script>c<!-- d"), "a\nb\nc<!-- d");
}

std::string repeated(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

TEST(CleanTest, BeginningsOfElementsWithoutAnEndAreLookedThroughOnce) {
  for (const std::string beginning : {"<", "<!--", "<!-- ->", "<script>", "<STYLE>a", "</script>",
                                      "<p ", "<b>", "<script><!--"}) {
    const auto work = [&](int times) {
      CleanCounts unused;
      std::uint64_t looked_at = 0;
      clean_text(repeated(beginning, times), unused, &looked_at);
      return static_cast<double>(looked_at);
    };
    const double once = work(5'000);
    EXPECT_LE(work(10'000), 2.5 * once + 100) << beginning;
    if (beginning.size() > 2) {
      EXPECT_GT(once, 5'000) << beginning << ": nothing was counted";
    }
  }
  const std::string brackets = repeated("<", 20'000);
  EXPECT_EQ(clean(brackets), brackets);
}

}  // namespace
}  // namespace medgen::corpus
