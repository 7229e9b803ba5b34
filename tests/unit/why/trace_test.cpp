// Which passages of a text stand in training text, and which of them are shown.
#include "why/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "unit/why/index_folder.h"

namespace medgen::why {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kNote =
    "The child had a fever for three days and a cough that kept her awake at night.";
const std::string kOther = "Wash the wound with clean water, then cover it with a dry bandage.";

class TraceTest : public ::testing::Test {
 protected:
  TraceTest()
      : index_(folder_.index(
            {{"notes",
              {folder_.text(kNote, {"n1", "A note", "CC BY 4.0"}),
               folder_.text("First: " + kOther)}},
             {"more", {folder_.text("Nothing else. " + kOther, {"m1", "", "CC0"})}}})) {}

  Trace trace(const std::string& text, TraceOptions options = {.most_spans = 0}) const {
    return trace_text(index_, folder_.tokenizer(), text, options);
  }
  static std::vector<std::string> passages(const Trace& trace) {
    std::vector<std::string> found;
    for (const TracedSpan& span : trace.spans) {
      found.push_back(trace.text.substr(span.bytes.begin, span.bytes.end - span.bytes.begin));
    }
    return found;
  }

  IndexFolder folder_;
  SuffixIndex index_;
};

TEST_F(TraceTest, APlantedPassageIsFoundWithItsDocumentAndLicence) {
  const std::string text = "She said: " + kNote.substr(0, 50) + " Then she slept.";
  const Trace found = trace(text);
  EXPECT_EQ(found.text, text);
  ASSERT_THAT(passages(found), ElementsAre(kNote.substr(0, 48)));  // no part of "that"
  const TracedSpan& span = found.spans.front();
  EXPECT_EQ(span.count, 1U);
  EXPECT_EQ(span.documents, 1U);
  ASSERT_THAT(span.places, SizeIs(1));
  EXPECT_EQ(span.places[0].name, (corpus::DocumentName{"n1", "A note", "CC BY 4.0"}));
  EXPECT_EQ(span.places[0].token, 0U);
  EXPECT_EQ(span.places[0].before, "");
  EXPECT_THAT(span.places[0].after, ::testing::StartsWith(" that kept her awake"));
}

TEST_F(TraceTest, HeldOutTextIsNot) {
  EXPECT_THAT(trace("My knee hurts when I climb stairs.").spans, IsEmpty());
  EXPECT_EQ(trace("My knee hurts when I climb stairs.").covered, 0U);
  EXPECT_THAT(trace("").spans, IsEmpty());
}

// What stands around a passage goes no further than its sentence, unless more is asked for.
TEST_F(TraceTest, AnotherSentenceOfTheDocumentIsNotQuoted) {
  const std::string passage = "He felt quite well again within a week";
  const SuffixIndex index = folder_.index(
      {{"notes", {folder_.text("It is a bad sign. " + passage + " of rest. Call for help now.")}}});
  TraceOptions options{.most_spans = 0};
  const Trace found = trace_text(index, folder_.tokenizer(), " " + passage, options);
  ASSERT_THAT(found.spans, SizeIs(1));
  EXPECT_EQ(found.spans[0].places[0].before, "... ");
  EXPECT_EQ(found.spans[0].places[0].after, " of rest. ...");
  options.within_sentence = false;
  const Trace all = trace_text(index, folder_.tokenizer(), " " + passage, options);
  EXPECT_EQ(all.spans[0].places[0].before, "It is a bad sign. ");
  EXPECT_EQ(all.spans[0].places[0].after, " of rest. Call for help now.");
}

TEST_F(TraceTest, APassageOfTwoDocumentsIsCountedInBoth) {
  const Trace found = trace(" " + kOther);
  ASSERT_THAT(passages(found), ElementsAre(kOther));
  EXPECT_EQ(found.spans[0].count, 2U);
  EXPECT_EQ(found.spans[0].documents, 2U);
  EXPECT_THAT(found.spans[0].places, SizeIs(2));
  EXPECT_EQ(found.covered, found.tokens);
  const Trace one = trace(" " + kOther, {.most_spans = 0, .most_places = 1});
  EXPECT_THAT(one.spans[0].places, SizeIs(1));
  EXPECT_EQ(one.spans[0].documents, 2U);
}

// A run may end within a word; what is shown does not.
TEST_F(TraceTest, PassagesAreWholeWords) {
  const Trace found = trace("xfever for three days and a coughing");
  ASSERT_THAT(passages(found), ElementsAre("for three days and a"));
}

TEST_F(TraceTest, AWordAtTheBeginningIsReadAsAfterABlankToo) {
  const Trace found = trace("fever for three days and a cough that");
  ASSERT_THAT(passages(found), ElementsAre("fever for three days and a cough that"));
  EXPECT_EQ(found.text, "fever for three days and a cough that");
}

TEST_F(TraceTest, ShortPassagesAreNoneAndTheRarestAreKept) {
  const std::string text = kNote + " It was so. " + kOther;
  EXPECT_THAT(trace(text).spans, SizeIs(2));
  TraceOptions options{.least_tokens = 8, .most_spans = 1};
  const Trace one = trace(text, options);
  ASSERT_THAT(one.spans, SizeIs(1));
  EXPECT_EQ(one.left_out, 1U);
  EXPECT_EQ(one.covered, trace(text).covered);
  EXPECT_EQ(one.spans[0].rarity,
            std::max(trace(text).spans[0].rarity, trace(text).spans[1].rarity));
  options.least_tokens = 1000;
  EXPECT_THAT(trace(text, options).spans, IsEmpty());
}

TEST_F(TraceTest, OverlappingPassagesHaveOneMark) {
  Trace made;
  made.text = "0123456789";
  for (const Span bytes : {Span{0, 4}, Span{3, 6}, Span{6, 8}}) {
    made.spans.emplace_back().bytes = bytes;
  }
  const auto marks = marks_of(made);
  ASSERT_THAT(marks, SizeIs(2));
  EXPECT_EQ(marks[0].bytes, (Span{0, 6}));
  EXPECT_THAT(marks[0].spans, ElementsAre(0U, 1U));
  EXPECT_EQ(marks[1].bytes, (Span{6, 8}));
}

// Against every run of the text, looked for one by one.
TEST(VerbatimRunsTest, AreTheMaximalOnes) {
  std::mt19937 random(11);
  const IndexFolder folder;
  TestSource source{"one", {}};
  for (int i = 0; i < 30; ++i) {
    TestDocument document;
    for (int j = 0; j < 30; ++j) document.ids.push_back(static_cast<TokenId>(random() % 4));
    source.documents.push_back(document);
  }
  const SuffixIndex index = folder.index({source});
  for (int i = 0; i < 50; ++i) {
    std::vector<TokenId> text;
    for (int j = 0; j < 25; ++j) {
      text.push_back(random() % 12 == 0 ? folder.eos() : static_cast<TokenId>(random() % 4));
    }
    std::vector<TokenRun> expected;
    for (std::size_t begin = 0; begin < text.size(); ++begin) {
      std::size_t end = begin;
      while (end < text.size() && text[end] != folder.eos() &&
             index.find(std::span(text).subspan(begin, end + 1 - begin)).count() > 0) {
        ++end;
      }
      const bool inside = !expected.empty() && end <= expected.back().end;
      if (end - begin >= 3 && !inside) expected.push_back({begin, end});
    }
    ASSERT_EQ(verbatim_runs(index, text, 3), expected);
  }
}

TEST(CoveredTokensTest, CountsATokenOnce) {
  const TokenRun runs[] = {{0, 4}, {2, 6}, {9, 10}};
  EXPECT_EQ(covered_tokens(runs), 7U);
  EXPECT_EQ(covered_tokens({}), 0U);
}

}  // namespace
}  // namespace medgen::why
