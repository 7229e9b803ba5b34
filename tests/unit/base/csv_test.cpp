// The CSV grammar: what is a record, what is refused, and that cutting the bytes changes nothing.
#include "base/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/base/blocks.h"

namespace medgen::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<CsvRecord> parse(const std::string& text, std::size_t max_bytes = 1000,
                             std::size_t block = 1000, char separator = ',') {
  CsvReader reader(text_blocks(text, block), separator, max_bytes);
  std::vector<CsvRecord> records;
  for (CsvRecord record; reader.next(record);) records.push_back(record);
  return records;
}

TEST(CsvTest, ReadsQuotedFieldsWithCommasQuotesAndLineBreaks) {
  const auto records = parse("a,\"b, \"\"c\"\"\r\nd\",\r\n1,2,3");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[0].fields, ElementsAre("a", "b, \"c\"\r\nd", ""));
  EXPECT_THAT(records[1].fields, ElementsAre("1", "2", "3"));
  EXPECT_EQ(records[0].line, 1U);
  EXPECT_EQ(records[1].line, 3U);  // the first record has a line break inside
  EXPECT_EQ(records[0].text, "a,\"b, \"\"c\"\"\r\nd\",");
  EXPECT_EQ(records[1].text, "1,2,3");
}

TEST(CsvTest, TheSeparatorMayBeATab) {
  const auto records = parse("a,b\t\"c\td\"\t", 1000, 1000, '\t');
  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(records[0].fields, ElementsAre("a,b", "c\td", ""));
}

TEST(CsvTest, AcceptsPlainLineFeedsAndTakesAnEmptyLineForAnEmptyField) {
  const auto records = parse("a,b\n\nc,d\n");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_THAT(records[1].fields, ElementsAre(""));
  EXPECT_THAT(records[2].fields, ElementsAre("c", "d"));
  EXPECT_THAT(parse(""), IsEmpty());
}

TEST(CsvTest, RefusesWhatTheGrammarDoesNotAllowAndGoesOn) {
  const struct {
    const char* line;
    const char* why;
  } cases[] = {{"a,b\"c", "a quote appears inside"},
               {"\"a\"b,c", "text follows a closing quote"},
               {"a\rb,c", "a carriage return has no line feed"},
               {"\"a\"\r\"b\"", "a carriage return has no line feed"}};
  for (const auto& bad : cases) {
    const auto records = parse(std::string("x,y\n") + bad.line + "\nz,w\n");
    ASSERT_EQ(records.size(), 3U) << bad.line;
    EXPECT_THAT(records[1].error, HasSubstr(bad.why));
    EXPECT_EQ(records[1].line, 2U);
    EXPECT_EQ(records[1].text, bad.line);
    EXPECT_THAT(records[1].fields, IsEmpty());
    EXPECT_THAT(records[2].error, IsEmpty());
    EXPECT_THAT(records[2].fields, ElementsAre("z", "w"));
  }
}

TEST(CsvTest, AQuoteThatIsNeverClosedIsAnError) {
  const auto records = parse("a,b\n\"c,d\ne,f\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[1].error, HasSubstr("never closed"));
  EXPECT_TRUE(records[1].open_quote);
  EXPECT_EQ(records[1].line, 2U);
}

TEST(CsvTest, ACarriageReturnBelongsToALineFeedOrToTheEnd) {
  EXPECT_THAT(parse("a\rb,c\nd,e\n")[0].error, HasSubstr("no line feed"));
  EXPECT_THAT(parse("a\rb,c\nd,e\n")[1].fields, ElementsAre("d", "e"));
  EXPECT_THAT(parse("a,b\r")[0].fields, ElementsAre("a", "b"));
}

TEST(CsvTest, DoesNotHoldARecordThatIsTooLong) {
  const auto records = parse("a," + std::string(500, 'x') + "\nb,c\n", 100);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records[0].too_long);
  EXPECT_THAT(records[0].error, HasSubstr("100 bytes"));
  EXPECT_THAT(records[0].fields, IsEmpty());
  EXPECT_EQ(records[0].text, "a," + std::string(98, 'x'));
  EXPECT_THAT(records[1].fields, ElementsAre("b", "c"));
  EXPECT_FALSE(parse(std::string(100, 'x'), 100)[0].too_long);
}

TEST(CsvTest, ALongQuoteIsReadToItsEndOrGivenUp) {
  const std::string text = "\"" + std::string(500, 'x') + "\"\nb\n";
  const auto records = parse(text, 100, 50);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records[0].too_long);
  EXPECT_FALSE(records[0].open_quote);
  EXPECT_THAT(records[1].fields, ElementsAre("b"));

  CsvReader reader(text_blocks(text, 50), ',', 100, CsvReader::LongQuote::kGiveUp);
  CsvRecord record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_TRUE(record.too_long && record.open_quote);
  EXPECT_FALSE(reader.next(record));
}

TEST(CsvTest, WhatIsQuotedIsReadBack) {
  for (const char* text : {"", "a", "a,b", "a\"b", "\"", "a\nb", "\r"}) {
    const auto records = parse("x," + quote_csv(text));
    ASSERT_EQ(records.size(), 1U) << text;
    EXPECT_THAT(records[0].fields, ElementsAre("x", text));
  }
}

TEST(CsvTest, TheSameHoweverTheBytesAreCut) {
  const std::string text = "a,\"b\"\"\",c\r\n\"d\r\n\",e,f\r\ng\"h,i\r\n1,2,3";
  const auto whole = parse(text);
  ASSERT_EQ(whole.size(), 4U);
  for (std::size_t block = 1; block < 6; ++block) {
    const auto cut = parse(text, 1000, block);
    ASSERT_EQ(cut.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(cut[i].fields, whole[i].fields);
      EXPECT_EQ(cut[i].error, whole[i].error);
      EXPECT_EQ(cut[i].text, whole[i].text);
      EXPECT_EQ(cut[i].line, whole[i].line);
    }
  }
}

TEST(CsvTest, NoCellIsAFormula) {
  for (const char* formula : {"=1+2", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"x\")",
                              "-", "+", "- a list", "-1+2", "=", "--1", "-inf"}) {
    EXPECT_EQ(without_formula(formula), "'" + std::string(formula));
  }
  for (const char* text : {"", "a", " =1", "-1", "+4.5", "-1e5", "1+2", "'a", "3-4"}) {
    EXPECT_EQ(without_formula(text), text);
  }
}

TEST(CsvTest, WhatMadeAFormulaHarmlessComesOffAgain) {
  for (const char* text : {"", "a", "'", "''", "-5", "'-5", "=1+2", "'=1+2", "''@a", "+a", "'a",
                           "\ta", "it's", "'\r"}) {
    EXPECT_EQ(with_formula(without_formula(text)), text) << text;
  }
  EXPECT_EQ(without_formula("'=1"), "''=1");
  EXPECT_EQ(without_formula("'a"), "'a");
  EXPECT_EQ(with_formula("'a"), "'a") << "nobody put that there";
}

}  // namespace
}  // namespace medgen::base
