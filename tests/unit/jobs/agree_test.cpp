#include "jobs/agree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "report/agree_page.h"
#include "research/bootstrap.h"
#include "research/shares.h"
#include "unit/byte_tokenizer.h"

namespace medgen::jobs {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<Completion> completions_of(const std::vector<std::string>& texts,
                                       FinishReason reason = FinishReason::kEos) {
  std::vector<Completion> completions;
  for (const std::string& text : texts) {
    Completion& one = completions.emplace_back();
    one.index = static_cast<int>(completions.size()) - 1;
    one.text = text;
    one.finish_reason = reason;
    one.tokens = ByteTokenizer().encode(text, Specials::kAsText);
    one.logprobs.resize(one.tokens.size());
    for (TokenLogprobs& token : one.logprobs) token.entropy = std::log(2.0);
  }
  return completions;
}

report::Agreement agreement(const std::vector<Completion>& completions, AgreeOptions options = {}) {
  return agreement_of(completions, ByteTokenizer(), options);
}

TEST(AgreeTest, SharesAreOfAllContinuationsWithTheirIntervals) {
  const report::Agreement made =
      agreement(completions_of({" a pain", " a pain", " a cough", " rest"}));
  ASSERT_THAT(made.branches, SizeIs(5));
  EXPECT_EQ(made.branches[0].share.share, 1);
  EXPECT_LT(made.branches[0].share.interval.low, 0.9);  // four texts do not prove certainty
  EXPECT_EQ(made.branches[1].words, "a");
  EXPECT_EQ(made.branches[1].share.share, 0.75);
  const research::Interval of = research::wilson_interval(0.75, 4, 0.95);
  EXPECT_EQ(made.branches[1].share.interval.low, of.low);
  EXPECT_EQ(made.branches[1].share.interval.high, of.high);
  EXPECT_EQ(made.branches[2].words, "cough");
  EXPECT_EQ(made.branches[2].then, why::Branch::Then::kEnds);
}

// Wilson's interval of a share says what drawing the texts again says, where that is not blind.
TEST(AgreeTest, TheIntervalOfAShareIsThatOfTheBootstrapAwayFromNoneAndAll) {
  research::PromptSums sums;
  for (int i = 0; i < 64; ++i) {
    sums.top.push_back(i < 20 ? 1 : 0);
    sums.bottom.push_back(1);
  }
  const auto draws = research::bootstrap({&sums, 1}, 4000, 1);
  const auto drawn = research::percentile_interval(draws[0], 0.95);
  const research::Interval wilson = research::wilson_interval(20.0 / 64, 64, 0.95);
  ASSERT_TRUE(drawn);
  EXPECT_NEAR(drawn->low, wilson.low, 0.02);
  EXPECT_NEAR(drawn->high, wilson.high, 0.02);
}

TEST(AgreeTest, EntropiesHaveIntervalsThatHoldThem) {
  std::vector<std::string> texts;
  for (int i = 0; i < 64; ++i) texts.push_back(i % 4 == 0 ? " a b" : " c d");
  const report::Agreement made = agreement(completions_of(texts));
  ASSERT_GE(made.places.size(), 2U);
  const double expected = -0.25 * std::log2(0.25) - 0.75 * std::log2(0.75);
  EXPECT_NEAR(made.places[0].entropy.value(), expected, 1e-12);
  ASSERT_TRUE(made.places[0].interval);
  EXPECT_LT(made.places[0].interval->low, expected);
  EXPECT_GT(made.places[0].interval->high, expected);
  EXPECT_EQ(made.places[1].entropy, 0);
  EXPECT_EQ(made.places[1].together, 64);
  EXPECT_NEAR(made.places[0].model_entropy.value(), 2, 1e-12);  // a blank and a letter
  EXPECT_EQ(made.places[0].with_word, 64);
}

TEST(AgreeTest, ATextThatALimitCutOffDoesNotEnd) {
  const report::Agreement made =
      agreement(completions_of({" a fe", " a fever"}, FinishReason::kLength));
  ASSERT_THAT(made.branches, SizeIs(1));
  EXPECT_EQ(made.branches[0].words, "a");
  EXPECT_EQ(made.branches[0].then, why::Branch::Then::kCut);
}

TEST(AgreeTest, TermsAreThoseOfTheListOrThoseThatAreSharedInAlphabeticalOrder) {
  const std::vector<Completion> completions =
      completions_of({" pain, cough", " pain, pain", " ache and cough", " pain"});
  const report::Agreement shared = agreement(completions);
  ASSERT_THAT(shared.terms, SizeIs(2));
  EXPECT_EQ(shared.terms[0].text, "cough");
  EXPECT_EQ(shared.terms[0].share.count, 2);
  EXPECT_EQ(shared.terms[1].text, "pain");
  EXPECT_EQ(shared.terms[1].share.count, 3);
  AgreeOptions options;
  options.terms = {"rash", "Ache"};
  const report::Agreement listed = agreement(completions, options);
  ASSERT_THAT(listed.terms, SizeIs(2));
  EXPECT_EQ(listed.terms[0].text, "ache");
  EXPECT_EQ(listed.terms[1].share.count, 0);
  EXPECT_EQ(listed.terms[1].share.interval.low, 0);
  EXPECT_GT(listed.terms[1].share.interval.high, 0.3);
}

TEST(AgreeTest, ThePageHoldsEveryBranchAndNoMarkupOfATextAndNoScript) {
  const report::Agreement made =
      agreement(completions_of({" <b>x</b> & y", " <b>x</b> z", " w", " w", " <i>"}));
  report::AgreePage page;
  page.prompt = "<script>alert(1)</script>";
  page.notice = "a notice";
  page.facts = {{"Model", "<m>"}};
  const std::string html = report::agree_html(made, page);
  EXPECT_THAT(
      html, AllOf(HasSubstr("&lt;b&gt;x&lt;/b&gt;"), HasSubstr("&lt;i&gt;"), HasSubstr("&lt;m&gt;"),
                  HasSubstr("a notice"), HasSubstr("tabindex=\"0\""),
                  HasSubstr("not the probability of an illness")));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<b>")), Not(HasSubstr("<script")), Not(HasSubstr("<i>")),
                          Not(HasSubstr("http://localhost"))));
}

TEST(AgreeTest, NothingDrawsNoPicture) { EXPECT_THAT(report::branch_svg({}, 2), IsEmpty()); }

}  // namespace
}  // namespace medgen::jobs
