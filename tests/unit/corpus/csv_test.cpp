// The CSV grammar: what is a record, what is refused, and that cutting the bytes changes nothing.
#include "corpus/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace medgen::corpus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<CsvParser::Record> parse(const std::string& text, std::size_t max_bytes = 1000,
                                     std::size_t block = 1000) {
  std::vector<CsvParser::Record> records;
  CsvParser parser(max_bytes, [&](CsvParser::Record&& r) { records.push_back(std::move(r)); });
  for (std::size_t i = 0; i < text.size(); i += block) {
    parser.push(std::string_view(text).substr(i, block));
  }
  parser.finish();
  return records;
}

TEST(CsvTest, ReadsQuotedFieldsWithCommasQuotesAndLineBreaks) {
  const auto records = parse("a,\"b, \"\"c\"\"\r\nd\",\r\n1,2,3");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[0].fields, ElementsAre("a", "b, \"c\"\r\nd", ""));
  EXPECT_THAT(records[1].fields, ElementsAre("1", "2", "3"));
  EXPECT_EQ(records[0].line, 1U);
  EXPECT_EQ(records[1].line, 3U);  // the first record has a line break inside
}

TEST(CsvTest, AcceptsPlainLineFeedsAndPassesOverEmptyLines) {
  const auto records = parse("a,b\n\nc,d\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[1].fields, ElementsAre("c", "d"));
}

TEST(CsvTest, RefusesWhatTheGrammarDoesNotAllowAndGoesOn) {
  const struct {
    const char* line;
    const char* why;
  } cases[] = {{"a,b\"c", "a quote stands inside"},
               {"\"a\"b,c", "text follows a closing quote"},
               {"a\rb,c", "a carriage return has no line feed"}};
  for (const auto& bad : cases) {
    const auto records = parse(std::string("x,y\n") + bad.line + "\nz,w\n");
    ASSERT_EQ(records.size(), 3U) << bad.line;
    EXPECT_THAT(records[1].error, HasSubstr(bad.why));
    EXPECT_EQ(records[1].line, 2U);
    EXPECT_THAT(records[2].error, IsEmpty());
    EXPECT_THAT(records[2].fields, ElementsAre("z", "w"));
  }
}

TEST(CsvTest, AQuoteThatIsNeverClosedIsAnError) {
  const auto records = parse("a,b\n\"c,d\ne,f\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[1].error, HasSubstr("never closed"));
  EXPECT_EQ(records[1].line, 2U);
}

TEST(CsvTest, DoesNotHoldARecordThatIsTooLong) {
  const auto records = parse("a," + std::string(500, 'x') + "\nb,c\n", 100);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records[0].too_long);
  EXPECT_THAT(records[0].error, HasSubstr("100 bytes"));
  EXPECT_THAT(records[0].fields, IsEmpty());
  EXPECT_THAT(records[1].fields, ElementsAre("b", "c"));
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
    }
  }
}

}  // namespace
}  // namespace medgen::corpus
