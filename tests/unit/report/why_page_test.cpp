#include "report/why_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/why/brute_force.h"

namespace medgen::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string page_of(const testing::FakeTokenizer& tokenizer, std::vector<TokenId> prompt,
                    std::vector<TokenId> made) {
  testing::FakeBackend backend(tokenizer.vocab_size(), 64, 8);
  const why::Account account = why::account_for(
      backend, why::question_of_words(tokenizer, std::move(prompt), std::move(made)), "word", {});
  return why_page(account, {.model_name = "a <model>",
                            .model_sha256 = "0123",
                            .precision = "fp32",
                            .origin = "drawn",
                            .seed = 7,
                            .notice = "Made by a machine."});
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(WhyPageTest, WordsAreReachedByTheKeyboardAndReadWithTheirNumbers) {
  const std::string page = page_of(why::word_tokenizer(), {1, 2, 3, 4}, {5, 6});
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("Made by a machine."));
  // The prompt once, and once for each made word.
  EXPECT_EQ(count(page, "tabindex=\"0\""), 3 * 4U);
  EXPECT_EQ(count(page, " nats</span></span>"), 3 * 4U);
  EXPECT_EQ(count(page, "href=\"#v"), 2U);
  EXPECT_EQ(count(page, "id=\"v"), 2U);
  EXPECT_EQ(count(page, "<tr id=\"r"), 2U);
  EXPECT_LT(page.find("class=\"trust\""), page.find("<h2>"));
}

TEST(WhyPageTest, NothingOfATextBecomesMarkup) {
  const testing::FakeTokenizer tokenizer({" <b>", " \"'&", " c", " d"});
  const std::string page = page_of(tokenizer, {0, 1, 2, 3}, {0, 1});
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
  EXPECT_THAT(page, Not(HasSubstr("a <model>")));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;"));
}

}  // namespace
}  // namespace medgen::report
