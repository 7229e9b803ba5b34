// Batches of training windows: order, weights, resuming.
#include "corpus/token_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "medgen/error.h"
#include "unit/byte_tokenizer.h"

namespace medgen::corpus {
namespace {

using ::testing::ElementsAre;

std::vector<Document> documents(int count, const std::string& source = "") {
  std::vector<Document> made;
  for (int i = 0; i < count; ++i) {
    made.push_back(
        {.source = source, .group = "g", .text = std::string(3, static_cast<char>('a' + i))});
  }
  return made;
}

TEST(TokenStreamTest, NeighbouringWindowsShareOneToken) {
  const ByteTokenizer tokenizer;
  TokenStream stream(documents(1), {}, tokenizer, {.rows = 1, .window = 3, .seed = 1});
  EXPECT_THAT(stream.next_batch(), ElementsAre(tokenizer.eos_id().value(), 'a', 'a', 'a'));
  EXPECT_THAT(stream.next_batch(), ElementsAre('a', tokenizer.eos_id().value(), 'a', 'a'));
}

TEST(TokenStreamTest, AnEpochHoldsEveryDocumentAsOftenAsItsWeightSays) {
  const ByteTokenizer tokenizer;
  auto all = documents(3);
  all[1].source = "twice";
  all[2].source = "never";
  TokenStream stream(all, {{"twice", 2}, {"never", 0}}, tokenizer,
                     {.rows = 1, .window = 4 * 300, .seed = 7});
  std::map<TokenId, int> counts;
  for (const TokenId id : stream.next_batch()) ++counts[id];
  // 300 documents of 3 tokens: two epochs of every three are documents b.
  EXPECT_EQ(counts['c'], 0);
  EXPECT_NEAR(counts['b'], 600, 6);
  EXPECT_NEAR(counts['a'], 300, 6);
}

TEST(TokenStreamTest, SeedsOrderTheDocuments) {
  const ByteTokenizer tokenizer;
  const auto batch = [&](std::uint64_t seed) {
    return TokenStream(documents(20), {}, tokenizer, {.rows = 2, .window = 30, .seed = seed})
        .next_batch();
  };
  EXPECT_EQ(batch(1), batch(1));
  EXPECT_NE(batch(1), batch(2));
}

TEST(TokenStreamTest, GoesOnWhereItStopped) {
  const ByteTokenizer tokenizer;
  const TokenStreamOptions options{.rows = 3, .window = 17, .seed = 5};
  TokenStream whole(documents(20), {}, tokenizer, options);
  TokenStream first(documents(20), {}, tokenizer, options);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(whole.next_batch(), first.next_batch());
  TokenStream second(documents(20), {}, tokenizer, options);
  EXPECT_NE(second.next_batch(), whole.next_batch());  // not yet restored: it must differ
  second.restore(first.position());
  first.next_batch();
  second.next_batch();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(whole.next_batch(), second.next_batch());
}

TEST(TokenStreamTest, RefusesAPositionOfAnotherShapeAndEmptyText) {
  const ByteTokenizer tokenizer;
  TokenStream three(documents(5), {}, tokenizer, {.rows = 3, .window = 8, .seed = 1});
  TokenStream two(documents(5), {}, tokenizer, {.rows = 2, .window = 8, .seed = 1});
  EXPECT_THROW(two.restore(three.position()), Error);
  EXPECT_THROW(TokenStream({}, {}, tokenizer, {}), Error);
  EXPECT_THROW(TokenStream(documents(5), {{"g", 0}}, tokenizer, {}), Error);
}

// A position from a file makes the order of every epoch that is said to have begun.
TEST(TokenStreamTest, APositionBeyondWhatTheBatchesCanHoldIsNoPlaceOfAStream) {
  const ByteTokenizer tokenizer;
  const TokenStreamOptions options{.rows = 2, .window = 8, .seed = 1};
  auto empty = documents(3);
  for (Document& document : empty) document.text = "";
  TokenStream stream(empty, {}, tokenizer, options);
  EXPECT_TRUE(is_reachable(stream.position(), options.window, 0));
  for (int batches = 1; batches < 5; ++batches) {
    stream.next_batch();
    EXPECT_TRUE(is_reachable(stream.position(), options.window, batches));
    EXPECT_FALSE(is_reachable(stream.position(), options.window, batches - 1));
  }
  TokenStream::Position far = stream.position();
  far.next_document[1] = ~std::uint64_t{0};
  EXPECT_FALSE(is_reachable(far, options.window, 1'000'000));
}

TEST(EvaluationWindowsTest, PredictEveryTokenOnce) {
  const ByteTokenizer tokenizer;
  const EvaluationText text = evaluation_windows(documents(3), tokenizer, 5);
  EXPECT_EQ(text.bytes, 9U);
  EXPECT_EQ(text.tokens, 12U);  // 9 bytes and the ends of 3 documents
  ASSERT_EQ(text.windows.size(), 3U);
  EXPECT_THAT(text.windows[0], ElementsAre(256, 'a', 'a', 'a', 256, 'b'));
  EXPECT_THAT(text.windows[1], ElementsAre('b', 'b', 'b', 256, 'c', 'c'));
  EXPECT_THAT(text.windows[2], ElementsAre('c', 'c', 256));
}

}  // namespace
}  // namespace medgen::corpus
