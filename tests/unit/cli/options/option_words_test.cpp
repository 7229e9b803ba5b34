// Names of settings in messages become options; the place that set a value begins its message.
#include "cli/options/option_words.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "cli/options/command_line.h"

namespace medgen::cli {
namespace {

bool is_known(std::string_view option) { return option == "--top-k" || option == "--seed"; }

std::string shown(std::string_view text) { return with_flags(text, is_known); }

TEST(OptionWordsTest, NamesOfOptionsInBackticksBecomeOptions) {
  EXPECT_EQ(shown("set `top_k` or `seed`, please"), "set --top-k or --seed, please");
  EXPECT_EQ(shown("`top_k``seed`"), "--top-k--seed");
}

TEST(OptionWordsTest, WhatIsNoOptionStaysAsItIs) {
  for (const std::string_view text :
       {"", "`", "``", "plain top_k", "`max_slots`", "`top-k`", "`TOP_K`", "` top_k`",
        "`medgen merge`", "open `top_k", "`--top-k`"}) {
    EXPECT_EQ(shown(text), text);
  }
}

TEST(OptionWordsTest, LoneBacktickDoesNotHideTheNextName) {
  EXPECT_EQ(shown("the file a`b: give `seed`"), "the file a`b: give --seed");
}

TEST(OptionWordsTest, OptionsOfOtherCommandsAreAskedForOnceAndOnlyWhenNeeded) {
  int asked = 0;
  remember_options({"--of-this-one"});
  set_declare_all([&] {
    ++asked;
    remember_options({"--of-another"});
  });
  EXPECT_EQ(with_flags("give `of_this_one`, not a `thing with blanks`"),
            "give --of-this-one, not a `thing with blanks`");
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(with_flags("give `of_another`"), "give --of-another");
  EXPECT_EQ(with_flags("give `of_none`"), "give `of_none`");
  EXPECT_EQ(asked, 1);
  set_declare_all({});
}

SettingError warmth_is(const std::string& value) {
  return {"warmth", {"warmth", value, "at most 1", " is " + value + "; it must be at most 1"}};
}

// Reads `words` as the command line of a command with the option --warmth.
void read_warmth(const std::vector<std::string>& words) {
  std::optional<int> warmth;
  CommandLine line("test", "A test.");
  line.number("--warmth", warmth, "W.");
  line.parse(words);
}

TEST(OptionWordsTest, ErrorOfASettingBeginsWithTheVariableThatSetIt) {
  EXPECT_EQ(message_of(warmth_is("2")), "warmth is 2; it must be at most 1");
  read_warmth({"--warmth", "2"});
  EXPECT_EQ(message_of(warmth_is("2")), "warmth is 2; it must be at most 1");
  ::setenv("MEDGEN_WARMTH", "2", 1);
  read_warmth({});
  ::unsetenv("MEDGEN_WARMTH");
  EXPECT_EQ(message_of(warmth_is("2")),
            "the environment variable MEDGEN_WARMTH is 2; it must be at most 1");
  EXPECT_EQ(message_of(Error(ErrorCode::kUsage, "warmth is 2")), "warmth is 2")
      << "only an error that says which setting it is about can be placed";
}

}  // namespace
}  // namespace medgen::cli
