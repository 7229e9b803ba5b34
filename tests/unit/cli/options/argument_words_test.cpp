// Which words are options and which are texts.
#include "cli/options/argument_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace medgen::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<KnownOption> kKnown = {
    {"--help", 'h', false, false},   {"--num-return-sequences", 'n', true, true},
    {"--output", 'o', true, false},  {"--top-k", 0, true, true},
    {"--stop", 0, true, false},      {"--json", 0, false, false},
    {"--temperature", 0, true, true}};

SortedWords sorted(const std::vector<std::string>& words) { return sort_words(words, kKnown); }

TEST(ArgumentWordsTest, AWordWithADashAndABlankIsAText) {
  for (const std::string text :
       {"-headache and fever", "-no fever, John Smith 1956", "-h and more", "-n 3", "--top-k 5",
        "--no fever", "- two days of fever", "-only at night\nI cough", "-n3 days"}) {
    const SortedWords words = sorted({text});
    EXPECT_THAT(words.texts, ElementsAre(text));
    EXPECT_THAT(words.options, IsEmpty());
    EXPECT_EQ(words.fault, "");
  }
}

TEST(ArgumentWordsTest, OptionsStayOptionsWhateverTheirValue) {
  EXPECT_THAT(sorted({"--stop=the end"}).options, ElementsAre("--stop=the end"));
  EXPECT_THAT(sorted({"--stop", "-a b"}).options, ElementsAre("--stop=-a b"));
  EXPECT_THAT(sorted({"--stop", "--", "x"}).options, ElementsAre("--stop=--"));
  EXPECT_THAT(sorted({"--top-k", "-1"}).options, ElementsAre("--top-k=-1"));
  EXPECT_THAT(sorted({"-n", "2", "-h"}).options,
              ElementsAre("--num-return-sequences", "2", "--help"));
  EXPECT_THAT(sorted({"-n2", "-n=3", "-oout.jsonl"}).options,
              ElementsAre("--num-return-sequences", "2", "--num-return-sequences", "3", "--output",
                          "out.jsonl"));
  EXPECT_THAT(sorted({"--json", "ill", "-"}).texts, ElementsAre("ill", "-"));
}

TEST(ArgumentWordsTest, LettersAreOptionsOnlyAloneOrWithANumber) {
  for (const std::string word : {"-headache", "-nausea", "-n2x", "-hn"}) {
    const SortedWords words = sorted({word});
    EXPECT_THAT(words.options, IsEmpty()) << word;
    EXPECT_THAT(words.fault, HasSubstr("argument 1 begins with a dash")) << word;
    EXPECT_THAT(words.fault, Not(HasSubstr(word))) << word;
  }
}

TEST(ArgumentWordsTest, UnderscoresInNamesAreDashes) {
  EXPECT_THAT(sorted({"--top_k", "5"}).options, ElementsAre("--top-k", "5"));
  EXPECT_THAT(sorted({"--stop=a_b"}).options, ElementsAre("--stop=a_b"));
}

TEST(ArgumentWordsTest, AnUnknownOptionNamesTheNearestAndNoFreeText) {
  EXPECT_THAT(sorted({"--tempreature=1"}).fault,
              HasSubstr("unknown option --tempreature; did you mean --temperature?"));
  EXPECT_THAT(sorted({"--temp", "1"}).fault, HasSubstr("did you mean --temperature?"));
  EXPECT_THAT(sorted({"-top_k"}).fault, HasSubstr("did you mean --top-k?"));
  const std::string fault = sorted({"ill", "--Zebediah-1956=fever"}).fault;
  EXPECT_THAT(fault, HasSubstr("argument 2"));
  EXPECT_THAT(fault, Not(HasSubstr("Zebediah")));
  EXPECT_THAT(fault, Not(HasSubstr("fever")));
}

TEST(ArgumentWordsTest, BehindTwoDashesEverythingIsAText) {
  const SortedWords words = sorted({"--json", "--", "--top-k", "--", "x"});
  EXPECT_THAT(words.options, ElementsAre("--json"));
  EXPECT_THAT(words.texts, ElementsAre("--top-k", "--", "x"));
}

TEST(ArgumentWordsTest, ACommandBehindOptionsIsFound) {
  const auto place = [](const std::vector<std::string>& words) {
    return place_of_command(
        words, [](const std::string& word) { return word == "batch"; },
        [](const std::string& option) { return option == "--seed"; });
  };
  EXPECT_EQ(place({"--quiet", "batch", "in"}), 1U);
  EXPECT_EQ(place({"--seed", "batch", "batch"}), 2U);
  EXPECT_EQ(place({"--seed=5", "batch"}), 1U);
  EXPECT_EQ(place({"--seed", "5", "ill", "batch"}), 0U);
  EXPECT_EQ(place({"--", "batch"}), 0U);
}

}  // namespace
}  // namespace medgen::cli
