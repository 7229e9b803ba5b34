// Text in a page of the manual stays what it is, whatever roff would make of it.
#include "cli/documents/roff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace medgen::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string paragraph(std::string_view text) {
  RoffPage page("a", 1, "", "");
  page.paragraph(text);
  return page.text();
}

TEST(RoffTest, WhatRoffWouldReadIsEscaped) {
  EXPECT_EQ(roff_escaped("a\\n 'b' -c `d` ~^"), "a\\en \\(aqb\\(aq \\-c \\(gad\\(ga \\(ti\\(ha");
  EXPECT_EQ(roff_escaped("39 °, 日, 😀"), "39 \\[u00B0], \\[u65E5], \\[u1F600]");
}

TEST(RoffTest, NoLineOfProseIsARequest) {
  EXPECT_THAT(paragraph(".txt and\n'more'"), EndsWith(".PP\n\\&.txt and \\(aqmore\\(aq\n"));
  // Wherever it is broken.
  std::string many;
  for (int i = 0; i < 200; ++i) many += "x .SH y ";
  EXPECT_THAT(paragraph(many), Not(HasSubstr("\n.SH")));
  EXPECT_THAT(paragraph(many), HasSubstr("\n\\&.SH"));
}

TEST(RoffTest, OptionsAndWhatStandsInBackticksAreBold) {
  EXPECT_THAT(
      paragraph("Give --top-k, or `medgen batch`; a - b, x--y."),
      EndsWith(
          "Give \\%\\fB\\-\\-top\\-k\\fR, or \\%\\fBmedgen \\%batch\\fR; a \\- b, x\\-\\-y.\n"));
  EXPECT_THAT(paragraph("One ` alone, --seed."), EndsWith("\\(ga alone, \\%\\fB\\-\\-seed\\fR.\n"));
}

TEST(RoffTest, CodeKeepsItsLines) {
  RoffPage page("a", 1, "", "");
  page.code("# a\n.b = \"c\\n\"\n");
  EXPECT_THAT(page.text(), HasSubstr(".nf\n# a\n\\&.b = \"c\\en\"\n.fi\n"));
}

}  // namespace
}  // namespace medgen::cli
