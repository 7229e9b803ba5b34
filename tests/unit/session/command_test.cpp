#include "session/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"

namespace medgen::session {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Kind = Input::Kind;

std::string refusal(const std::string& line) {
  try {
    read_input(line);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return {};
}

TEST(CommandTest, ALineIsATextUnlessItBeginsWithOneSlash) {
  for (const std::string text :
       {"I cough", "-headache and fever", "@home", "\"quoted\"", " /indented", "1/2 a day", "--"}) {
    const Input input = read_input(text);
    EXPECT_EQ(input.kind, Kind::kText) << text;
    EXPECT_EQ(input.text, text);
  }
  EXPECT_EQ(read_input("//dev").text, "/dev");
  EXPECT_EQ(read_input("//").text, "/");
  EXPECT_EQ(read_input("/again").kind, Kind::kCommand);
}

TEST(CommandTest, BlanksAloneAreNothing) {
  for (const char* line : {"", " ", "\t\n "}) EXPECT_EQ(read_input(line).kind, Kind::kNothing);
}

TEST(CommandTest, EveryCommandIsReadByItsName) {
  for (const CommandInfo& info : command_infos()) {
    std::string line = "/" + std::string(info.name);
    for (int i = 0; i < info.least; ++i) line += " x";
    const Input input = read_input(line + "  ");
    EXPECT_EQ(input.command, info.kind) << line;
    EXPECT_EQ(static_cast<int>(input.words.size()), info.least);
  }
  EXPECT_EQ(read_input("/color").command, CommandKind::kColour);
}

TEST(CommandTest, AValueKeepsItsBlanks) {
  EXPECT_THAT(read_input("/set  stop  The end ").words, ElementsAre("stop", "The end"));
  EXPECT_THAT(read_input("/fork 2 sharp pain").words, ElementsAre("2", "sharp pain"));
  EXPECT_THAT(read_input("/settings").words, IsEmpty());
}

TEST(CommandTest, WhatIsNoCommandIsNeverRepeated) {
  for (const std::string line :
       {"/John Smith 1956", "/aagain", "/again Smith", "/more", "/more 1 Smith", "/fork 2", "/save",
        "/save Smith 1956", "/", "/ again"}) {
    const std::string message = refusal(line);
    EXPECT_THAT(message, Not(IsEmpty())) << line;
    EXPECT_THAT(message, AllOf(Not(HasSubstr("Smith")), Not(HasSubstr("aagain")))) << line;
  }
  EXPECT_THAT(refusal("/John"), HasSubstr("/help"));
  EXPECT_THAT(refusal("/more"), HasSubstr("/more N"));
}

TEST(CommandTest, ANumberIsOneOfThoseThatThereAre) {
  EXPECT_EQ(number_among("3", 3, "continuation"), 3);
  for (const char* word : {"0", "4", "-1", "1x", "", "99999999999999999999"})
    EXPECT_THROW(number_among(word, 3, "continuation"), Error) << word;
}

}  // namespace
}  // namespace medgen::session
