#include "why/spans.h"

#include <gtest/gtest.h>

#include <numeric>

namespace medgen::why {
namespace {

std::vector<std::string> texts_of(std::string_view text, const std::vector<Span>& spans) {
  std::vector<std::string> texts;
  for (const Span& span : spans) {
    texts.emplace_back(text.substr(span.begin, span.end - span.begin));
  }
  return texts;
}

TEST(SpansTest, WordsAreWhatStandsBetweenBlanks) {
  const std::string text = "  I have\ta fever,\nand cough.";
  EXPECT_EQ(texts_of(text, words_of(text)),
            (std::vector<std::string>{"I", "have", "a", "fever,", "and", "cough."}));
  EXPECT_TRUE(words_of(" \n").empty());
}

TEST(SpansTest, SentencesEndAtTheirSignAndAtLines) {
  const std::string text = "I have a fever. It is \"high.\" No cough\nSince Monday";
  EXPECT_EQ(
      texts_of(text, sentences_of(text)),
      (std::vector<std::string>{"I have a fever.", "It is \"high.\"", "No cough", "Since Monday"}));
}

TEST(SpansTest, TokensBelongToTheWordOfTheirFirstLetter) {
  const std::vector<std::string> tokens = {"I", " ha", "ve", " ", "fever", ",", "  "};
  const std::string text = std::accumulate(tokens.begin(), tokens.end(), std::string());
  EXPECT_EQ(owners_of_tokens(text, tokens, words_of(text)),
            (std::vector<int>{0, 1, 1, 2, 2, 2, -1}));
}

TEST(SpansTest, TokensOutsideGivenSpansBelongToNone) {
  const std::vector<std::string> tokens = {"I", " have", " a", " fever"};
  const std::vector<Span> spans = {{9, 14}};
  EXPECT_EQ(owners_of_tokens("I have a fever", tokens, spans), (std::vector<int>{-1, -1, -1, 0}));
}

}  // namespace
}  // namespace medgen::why
