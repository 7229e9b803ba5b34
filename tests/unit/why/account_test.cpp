#include "why/account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "medgen/error.h"
#include "unit/why/brute_force.h"
#include "unit/why/key_model.h"

namespace medgen::why {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::History;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

Account key_account(bool heeds, int words, const AccountOptions& options = {}) {
  History prompt;
  for (int i = 0; i < words; ++i) prompt.push_back(i == 4 ? kKeyToken : 4 + i * 5 % 12);
  const auto backend = KeyModel(heeds).backend();
  return account_for(*backend, question_of_words(KeyModel::tokenizer(), prompt, {6, 9, 1}), "word",
                     options);
}

TEST(AccountTest, AModelThatIgnoresItsPromptIsSaidFirstToBeNoBetterThanRandom) {
  const Account account = key_account(false, 14);
  EXPECT_THAT(account_text(account, 80, false), StartsWith("No better than random: read nothing"));
  const auto json = account_json(account);
  EXPECT_EQ(json.begin().key(), "trust");
  EXPECT_EQ(json["trust"]["verdict"], "no better than random");
}

TEST(AccountTest, TheOneWordThatCountsIsNamed) {
  AccountOptions options;
  options.draws = 40;
  const Account account = key_account(true, 14, options);
  const std::string text = account_text(account, 80, false);
  EXPECT_THAT(text, Not(StartsWith("No better")));
  EXPECT_THAT(text, HasSubstr("\n  e j o h d(+++) f k ")) << text;
  EXPECT_THAT(leading_sources(account, account.attribution.targets, 9), ::testing::ElementsAre(4));
}

TEST(AccountTest, RowsAreNoWiderThanTheWindow) {
  const Account account = key_account(true, 30);
  std::istringstream rows(account_text(account, 40, false));
  bool in_table = false;
  for (std::string row; std::getline(rows, row);) {
    if (row.starts_with("made word")) in_table = true;
    if (row.empty()) in_table = false;
    if (!in_table) {
      EXPECT_LE(row.size(), 40U) << row;
    }
  }
}

TEST(AccountTest, ColoursStandInPlaceOfSigns) {
  const Account account = key_account(true, 14);
  const std::string text = account_text(account, 80, true);
  EXPECT_THAT(text, HasSubstr("\x1b[38;5;16;48;5;"));
  EXPECT_THAT(text, Not(HasSubstr("(+)")));
  EXPECT_THAT(account_text(account, 80, false), Not(HasSubstr("\x1b")));
}

TEST(AccountTest, ControlCharactersOfATextAreSpelledOut) {
  const testing::FakeTokenizer tokenizer({" a\x1b[31m", " b", " c\r", " d"});
  testing::FakeBackend backend(4, 64, 4);
  const Account account =
      account_for(backend, question_of_words(tokenizer, {0, 1, 2}, {0, 2}), "word", {});
  EXPECT_THAT(account_text(account, 80, false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(account_text(account, 80, false), Not(HasSubstr("\r")));
}

TEST(AccountTest, JsonHasAllNumbers) {
  AccountOptions options;
  options.include_made = true;
  const auto json = account_json(key_account(true, 8, options));
  EXPECT_THAT(json["sources"], SizeIs(11));
  EXPECT_THAT(json["targets"], SizeIs(3));
  EXPECT_THAT(json["influence"], SizeIs(3));
  EXPECT_THAT(json["influence"][0], SizeIs(11));
  EXPECT_THAT(json["sums"], SizeIs(11));
  EXPECT_EQ(json["sources"][8]["of"], "made text");
  EXPECT_EQ(json["sources"][4]["text"], "d");
  EXPECT_EQ(json["prompt"].get<std::string>().substr(json["sources"][4]["begin"], 1), "d");
  EXPECT_THAT(json["trust"]["comprehensiveness"]["random"], SizeIs(20));
}

TEST(AccountTest, TwoMethodsAreComparedByTheirOrder) {
  testing::FakeBackend backend(kWordsKnown, 64, 8);
  AccountOptions options;
  options.other = Method{Method::Kind::kShapley, "shapley"};
  Question question = question_of_words(word_tokenizer(), {1, 2, 3, 4, 5}, {6, 7});
  question.start = 25;
  const Account account = account_for(backend, question, "word", options);
  ASSERT_TRUE(account.agreement.has_value());
  EXPECT_EQ(*account.agreement, *kendall_tau_b(account.sums, account.other->sums()));
  EXPECT_THAT(trust_in_words(account), HasSubstr("Kendall's tau"));
  EXPECT_EQ(account_json(account)["compared_with"]["kendall_tau_b"], *account.agreement);
}

TEST(AccountTest, AMethodThatLooksIntoTheModelIsTestedLikeAnyOther) {
  testing::FakeBackend backend(kWordsKnown, 64, 8);
  AccountOptions options;
  options.method = {Method::Kind::kTokens, "made up",
                    [](const std::vector<TokenId>& ids, std::size_t first_made) {
                      TokenInfluence found{ids.size() - first_made, ids.size(), {}};
                      found.influence.assign(found.n_targets * found.n_inputs, 0.5F);
                      return found;
                    }};
  const Account account = account_for(
      backend, question_of_words(word_tokenizer(), {1, 2, 3, 4, 5, 6, 7}, {8, 9}), "word", options);
  EXPECT_THAT(account.sums, Each(1));
  EXPECT_EQ(account.trust->verdict, TrustVerdict::kNoBetter);
  EXPECT_THAT(reading_in_words(account), HasSubstr("as made up defines it"));
}

TEST(AccountTest, NothingMadeAndNothingToTakeOutAreRefused) {
  testing::FakeBackend backend(kWordsKnown, 64, 8);
  EXPECT_THROW(account_for(backend, question_of_words(word_tokenizer(), {1}, {}), "word", {}),
               Error);
  Question question = question_of_words(word_tokenizer(), {1}, {2});
  question.prompt.spans.clear();
  EXPECT_THROW(account_for(backend, question, "word", {}), Error);
}

TEST(AccountTest, ShadesGoByThirdsOfTheLargest) {
  EXPECT_EQ(shade_of(0.09, 1), 0);
  EXPECT_EQ(shade_of(0.1, 1), 1);
  EXPECT_EQ(shade_of(-0.5, 1), -2);
  EXPECT_EQ(shade_of(1, 1), 3);
  EXPECT_EQ(shade_of(0, 0), 0);
}

}  // namespace
}  // namespace medgen::why
