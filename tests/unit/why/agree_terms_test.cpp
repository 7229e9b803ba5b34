#include "why/agree_terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "medgen/error.h"

namespace medgen::why {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::vector<Term>& terms) {
  std::vector<std::string> lines;
  for (const Term& term : terms) {
    std::string line = term.text + ":";
    for (const int member : term.members) line += " " + std::to_string(member + 1);
    lines.push_back(line);
  }
  return lines;
}

TEST(AgreeTermsTest, ContentWordsAreInAlphabeticalOrderWhateverTheirCounts) {
  const std::vector<std::string_view> texts = {"The pain, and the Pain!", "no PAIN but a cough",
                                               "ache"};
  EXPECT_THAT(lines_of(content_words(texts)), ElementsAre("ache: 3", "cough: 2", "pain: 1 2"));
}

TEST(AgreeTermsTest, WordsKeepWhatJoinsTheirLetters) {
  const std::vector<std::string_view> texts = {"an X-ray of Crohn’s, 10mg - 400 'flu' ÄRZTE"};
  EXPECT_THAT(lines_of(content_words(texts)),
              ElementsAre("10mg: 1", "crohn's: 1", "flu: 1", "x-ray: 1", "ärzte: 1"));
}

TEST(AgreeTermsTest, TermsOfAListAreFoundWholeAndThoseThatAreNotMentionedAreTold) {
  const std::vector<std::string> terms = {"Chest  pain", "cough", "pain", "asthma", "COUGH"};
  const std::vector<std::string_view> texts = {"my chest\n pain", "a chest, pain", "coughing",
                                               "Cough"};
  EXPECT_THAT(lines_of(find_terms(terms, texts)),
              ElementsAre("asthma:", "chest pain: 1", "cough: 4", "pain: 1 2"));
}

TEST(AgreeTermsTest, AListIsALineForEachTerm) {
  EXPECT_THAT(parse_terms("cough\r\n\n  chest pain \n"), ElementsAre("cough\r", "  chest pain "));
}

TEST(AgreeTermsTest, WhatIsNoTermIsRefusedByItsLineAndNotRepeated) {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      parse_terms(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refusal("Smith\n" + std::string(201, 'x')),
              AllOf(HasSubstr("line 2"), HasSubstr("201 bytes"), Not(HasSubstr("xx"))));
  EXPECT_THAT(refusal("a\n\n\xff"), AllOf(HasSubstr("line 3"), HasSubstr("UTF-8")));
  EXPECT_THAT(refusal("..."), HasSubstr("neither a letter nor a digit"));
  EXPECT_THAT(refusal("cough\nmg/ml"), AllOf(HasSubstr("line 2"), HasSubstr("a sign between")));
  EXPECT_THAT(refusal("\n \n"), HasSubstr("holds none"));
  std::string many;
  for (std::size_t i = 0; i <= kMostTerms; ++i) many += "a\n";
  EXPECT_THAT(refusal(many), HasSubstr("more than 10000"));
}

}  // namespace
}  // namespace medgen::why
