// Cutting inputs into rows: line ends, quotes over lines, limits, blocks cut anywhere.
#include "batch/raw_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "unit/base/blocks.h"

namespace medgen::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> rows_of(base::Blocks blocks, InputFormat format) {
  RowSplitter splitter(std::move(blocks), format, "input");
  std::vector<std::string> rows;
  for (RawRow row; splitter.next(row);) rows.push_back(row.text);
  return rows;
}

std::vector<std::string> rows_of(const std::string& text, InputFormat format) {
  std::vector<std::string> whole = rows_of(base::text_blocks(text, 1 << 20), format);
  for (const std::size_t size : {1, 2, 3, 7}) {
    EXPECT_EQ(rows_of(base::text_blocks(text, size), format), whole) << "blocks of " << size;
  }
  return whole;
}

TEST(RowSplitterTest, EveryLineIsARow) {
  EXPECT_THAT(rows_of("a\nb\r\n\nc", InputFormat::kText), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(rows_of("a\n", InputFormat::kJsonl), ElementsAre("a"));
  EXPECT_THAT(rows_of("", InputFormat::kText), IsEmpty());
  EXPECT_THAT(rows_of("\xEF\xBB\xBFx\n\xEF\xBB\xBFy", InputFormat::kText),
              ElementsAre("x", "\xEF\xBB\xBFy"));
}

TEST(RowSplitterTest, QuotedCsvFieldsMayHoldLineBreaks) {
  EXPECT_THAT(rows_of("a,\"b\nc\"\"\n\",d\ne,f\n", InputFormat::kCsv),
              ElementsAre("a,\"b\nc\"\"\n\",d", "e,f"));
  EXPECT_THAT(rows_of("a\t\"b\nc\"\nd", InputFormat::kTsv), ElementsAre("a\t\"b\nc\"", "d"));
}

TEST(RowSplitterTest, ABrokenQuoteCostsOneRowOnly) {
  EXPECT_THAT(rows_of("a\"b,c\nd,e\n", InputFormat::kCsv), ElementsAre("a\"b,c", "d,e"));
  EXPECT_THAT(rows_of("\"a\"b,\"c\nd,e\n", InputFormat::kCsv), ElementsAre("\"a\"b,\"c", "d,e"));
}

TEST(RowSplitterTest, AQuoteThatIsNeverClosedIsRefusedWithItsLine) {
  RowSplitter splitter(base::text_blocks("a,b\n\"c\n,d\n", 3), InputFormat::kCsv, "x.csv");
  RawRow row;
  EXPECT_TRUE(splitter.next(row));
  try {
    splitter.next(row);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr("x.csv"), HasSubstr("line 2")));
  }
}

TEST(RowSplitterTest, LongRowsAreCutShortAndCountedOnce) {
  const std::string text =
      std::string(kMaxRowBytes, 'a') + "\n" + std::string(kMaxRowBytes + 1, 'b') + "\nc\n";
  for (const std::size_t size : {std::size_t{4096}, text.size()}) {
    RowSplitter splitter(base::text_blocks(text, size), InputFormat::kText, "input");
    RawRow row;
    ASSERT_TRUE(splitter.next(row));
    EXPECT_FALSE(row.too_long);
    ASSERT_TRUE(splitter.next(row));
    EXPECT_TRUE(row.too_long);
    EXPECT_EQ(row.text.size(), kMaxRowBytes);
    ASSERT_TRUE(splitter.next(row));
    EXPECT_EQ(row.text, "c");
    EXPECT_EQ(row.line, 3U);
    EXPECT_FALSE(splitter.next(row));
  }
}

// A line of ten gigabytes that nobody wrote: memory holds its beginning alone.
TEST(RowSplitterTest, EndlessLineDoesNotFillMemory) {
  const std::string block(1 << 20, 'x');
  int left = 10 << 10;
  RowSplitter splitter([&]() { return left-- > 0 ? std::string_view(block) : std::string_view(); },
                       InputFormat::kJsonl, "input");
  RawRow row;
  ASSERT_TRUE(splitter.next(row));
  EXPECT_TRUE(row.too_long);
  EXPECT_LE(row.text.capacity(), 3 * kMaxRowBytes);
  EXPECT_FALSE(splitter.next(row));
}

TEST(RowSplitterTest, EndlessQuoteIsRefused) {
  const std::string block(1 << 20, 'x');
  bool first = true;
  RowSplitter splitter(
      [&]() {
        return std::exchange(first, false) ? std::string_view("a,\"") : std::string_view(block);
      },
      InputFormat::kCsv, "input");
  RawRow row;
  EXPECT_THROW(splitter.next(row), Error);
}

TEST(RowSplitterTest, RowsRememberTheirLine) {
  RowSplitter splitter(base::text_blocks("a\n\"b\nb\"\nc", 2), InputFormat::kCsv, "input");
  std::vector<std::uint64_t> lines;
  for (RawRow row; splitter.next(row);) lines.push_back(row.line);
  EXPECT_THAT(lines, ElementsAre(1, 2, 4));
}

TEST(InputFormatTest, IsReadOffTheName) {
  EXPECT_EQ(format_of_name("x/a.txt"), InputFormat::kText);
  EXPECT_EQ(format_of_name("a.csv.gz"), InputFormat::kCsv);
  EXPECT_EQ(format_of_name("a.tsv.zst"), InputFormat::kTsv);
  EXPECT_EQ(format_of_name("a.ndjson"), InputFormat::kJsonl);
  for (const char* name : {"a", "a.json", "a.gz", ".txt", "a.txt.bz2"}) {
    EXPECT_THROW(format_of_name(name), Error) << name;
  }
}

}  // namespace
}  // namespace medgen::batch
