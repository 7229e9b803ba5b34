// Task templates: what is read, what is refused, how words are put in.
#include "medgen/templates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "medgen/error.h"
#include "places.h"

namespace medgen::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string with_task(const std::string& task) {
  return R"({"format_version": 1, "tasks": {"advice": )" + task + "}}";
}

std::string error_of(const std::string& json) {
  try {
    parse_templates(json, "templates.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TemplatesTest, AreReadAndFilled) {
  const Templates templates = parse_templates(
      with_task(
          R"({"prefix": "Q: ", "suffix": "\nA:", "stop": ["\nQ:"], "bad_words": ["no"], "never_say": ["*x"],)"
          R"( "notice": "N."})"),
      "x");
  const TaskTemplate& task = find_template(templates, "advice");
  EXPECT_EQ(fill(task, " a cold. \n"), "Q: a cold.\nA:");
  EXPECT_THAT(task.stop, ElementsAre("\nQ:"));
  EXPECT_THAT(task.bad_words, ElementsAre("no"));
  EXPECT_THAT(task.never_say, ElementsAre("*x"));
  EXPECT_EQ(task.notice, "N.");
  EXPECT_THROW(find_template(templates, "symptoms"), Error);
  EXPECT_THROW(find_template({}, "advice"), Error);
}

TEST(TemplatesTest, AFullStopDoesNotStandInsideASentence) {
  const TaskTemplate task{.prefix = "What is ",
                          .suffix = " used for?",
                          .stop = {},
                          .bad_words = {},
                          .never_say = {},
                          .notice = "N"};
  EXPECT_EQ(fill(task, "ibuprofen."), "What is ibuprofen used for?");
  EXPECT_THROW(fill(task, "  "), Error);
}

TEST(TemplatesTest, AnEmptyFormLeavesTheWordsAlone) {
  const TaskTemplate task{
      .prefix = "", .suffix = "", .stop = {}, .bad_words = {}, .never_say = {}, .notice = "N"};
  EXPECT_EQ(fill(task, " I have "), " I have ");
  EXPECT_EQ(fill(task, ""), "");
}

TEST(TemplatesTest, RefuseWhatIsNotOne) {
  EXPECT_THAT(error_of("x"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of(R"({"tasks": {}})"), HasSubstr("format_version"));
  EXPECT_THAT(error_of(R"({"format_version": 1, "tasks": {}})"), HasSubstr("tasks"));
  EXPECT_THAT(error_of(R"({"format_version": 1, "tasks": {"triage": {}}})"),
              HasSubstr("unknown task \"triage\""));
  EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": 1, "notice": "n"})")),
              HasSubstr("task advice: \"suffix\""));
  EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": "", "notice": ""})")),
              HasSubstr("notice"));
  EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": "", "notice": "n", "stop": [""]})")),
              HasSubstr("stop"));
  EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": "", "notice": "n", "bad_words": 1})")),
              HasSubstr("\"bad_words\" must be a list"));
  EXPECT_THAT(error_of(with_task(
                  R"({"prefix": "", "suffix": "", "notice": "n", "never_say": ["a", "*"]})")),
              HasSubstr("\"never_say\" number 2 is a * alone"));
  EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": "", "notice": "n", "specials": 1})")),
              HasSubstr("\"specials\" must be true or false"));
  EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": "", "notice": "n", "x": 1})")),
              HasSubstr("unknown key \"x\""));
}

TEST(TemplatesTest, ANoticeMayNotReadAsAVerdict) {
  for (const char* word : {"Diagnosis", "recommended"}) {
    EXPECT_THAT(error_of(with_task(R"({"prefix": "", "suffix": "", "notice": "A )" +
                                   std::string(word) + R"( of sorts."})")),
                HasSubstr("verdict"));
  }
}

TEST(TemplatesTest, TheDefaultModelsFormsAreAllThere) {
  std::ostringstream text;
  text << std::ifstream(MEDGEN_SOURCE_DIR "/scripts/default_model_templates.json").rdbuf();
  const Templates templates = parse_templates(text.str(), "default_model_templates.json");
  for (const std::string& task : task_names()) {
    ASSERT_TRUE(templates.contains(task)) << task;
    const std::string filled = fill(templates.at(task), "a sore throat");
    EXPECT_THAT(filled, HasSubstr("a sore throat"));
    EXPECT_THAT(filled, Not(HasSubstr("diagnosis")));
    EXPECT_THAT(templates.at(task).never_say, ElementsAre("*diagnos", "*recommend"));
    EXPECT_FALSE(filled.ends_with(' ')) << "a tokenizer would not see the next word's beginning";
  }
  EXPECT_EQ(fill(templates.at("symptoms"), "a sore throat"), "a sore throat");
}

}  // namespace
}  // namespace medgen::text
