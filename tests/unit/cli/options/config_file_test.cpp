// What a configuration file holds, whoever wrote it.
#include "cli/options/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    parse_config(text, "a.conf");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(ConfigFileTest, HoldsNamesAndTheirValues) {
  const auto items = parse_config("# why\ntop-k = 4\nstop = [\"a\",\n \"[b]\"]\n", "a.conf");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].name, "top-k");
  EXPECT_THAT(items[0].values, ElementsAre("4"));
  EXPECT_EQ(items[1].name, "stop");
  EXPECT_THAT(items[1].values, ElementsAre("a", "[b]"));
}

TEST(ConfigFileTest, WhatIsRefusedIsQuotedAsTextThatCanBePrinted) {
  for (const std::string& name : {std::string("de\xe6"
                                              "ault"),
                                  std::string(59, 'a') + "\u00e9"}) {
    const std::string why = refusal("[" + name + "]\nseed = 1\n");
    EXPECT_THAT(why, HasSubstr("no sections"));
    EXPECT_FALSE(text::find_invalid_utf8(why)) << why;
  }
}

}  // namespace
}  // namespace medgen::cli
