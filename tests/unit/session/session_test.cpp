// What a session answers, keeps and forgets, with a model of ten words.
#include "session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "medgen/version.h"
#include "records/record_file.h"
#include "temporary_folder.h"
#include "unit/session/fake_session.h"

namespace medgen::session {
namespace {

using medgen::testing::FakeBackend;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Kind = terminal::Line::Kind;

const std::string kForm = R"({"format_version":1,"tasks":{"symptoms":{"prefix":"since ",
    "suffix":" and","notice":"A form for tests."}}})";

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    model_.name = "words";
    model_.sha256 = std::string(64, 'a');
    model_.parameters = 17'700'000;
    model_.tokenizer = &tokenizer_;
    model_.templates = parse_templates(kForm, "the test");
    model_.prompt_tokens = [this](std::string_view text, Specials specials) {
      return tokenizer_.encode(text, specials);
    };
    asked_.given = {{"max_new_tokens", 5}, {"seed", 4711}, {"ignore_eos", true}};
  }

  void type(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) console_.type(line);
  }
  Session::End run() { return Session(model_, backend_, asked_, console_).run(); }

  // What a session saved.
  std::vector<records::RecordedRun> saved(const std::string& name = "kept.jsonl") const {
    std::vector<records::RecordedRun> runs;
    records::read_records(
        folder_ / name, [&](const records::RecordReader& reader) { runs.push_back(reader.run()); });
    return runs;
  }
  void allow_saving() { asked_.save_folder = folder_.path(); }

  TemporaryFolder folder_;
  WordTokenizer tokenizer_{kWords};
  FakeBackend backend_{10, 64, 16};
  SessionModel model_;
  SessionAsked asked_;
  ScriptedConsole console_;
};

TEST_F(SessionTest, GreetsWithModelAndNotice) {
  EXPECT_EQ(run(), Session::End::kAsked);
  EXPECT_THAT(console_.shown,
              AllOf(HasSubstr("medgen " + std::string(version()) + " · model words (17.7 M)"),
                    HasSubstr("may be wrong"), HasSubstr("Nothing you type is kept.")));
}

TEST_F(SessionTest, ATextIsContinuedInThreeWays) {
  type({"I have"});
  run();
  for (const char* mark : {"machine 1/3", "machine 2/3", "machine 3/3", "seed 4711"})
    EXPECT_THAT(console_.shown, HasSubstr(mark));
  EXPECT_EQ(backend_.taken(), 0U);
}

TEST_F(SessionTest, GoingOnBeginsWithTheContinuation) {
  allow_saving();
  type({"I have", "/more 2", "/save kept.jsonl"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[1].prompt, "I have" + runs[0].completions[1].text);
}

TEST_F(SessionTest, AgainDrawsOthersAndKeepsTheText) {
  allow_saving();
  type({"I have", "/again", "/save kept.jsonl"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[1].prompt, "I have");
  EXPECT_NE(runs[0].completions[0].text, runs[1].completions[0].text);
  EXPECT_THAT(console_.shown, HasSubstr("seed 4712"));
}

TEST_F(SessionTest, UndoGoesBackToTheTextBefore) {
  allow_saving();
  type({"I have", "/more 1", "/undo", "/more 3", "/save kept.jsonl", "/undo", "/undo", "/undo"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[1].prompt, "I have" + runs[0].completions[2].text);
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("There is no text before that one."),
                                    HasSubstr("there is no text yet")));
}

TEST_F(SessionTest, EditGivesTheTextBackToBeChanged) {
  type({"I have", "/edit"});
  run();
  EXPECT_THAT(console_.initial_texts, ElementsAre("", "", "I have"));
}

TEST_F(SessionTest, ATextWithASlashIsStillOneAfterItWasEdited) {
  type({"//have a", "/edit"});
  run();
  EXPECT_EQ(console_.initial_texts.back(), "//have a");
}

TEST_F(SessionTest, AForkGoesOnFromTheWordThatWasChosen) {
  allow_saving();
  type({"I have", "/fork 1 2", "1", "/save kept.jsonl"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  const std::string& first = runs[0].completions[0].text;
  const std::string kept = "I have" + first.substr(0, words_of(first)[0].end) + " ";
  EXPECT_TRUE(runs[1].prompt.starts_with(kept)) << runs[1].prompt;
  EXPECT_THAT(words_of(runs[1].prompt), SizeIs(4));
  EXPECT_THAT(console_.shown, HasSubstr("%"));
}

TEST_F(SessionTest, AForkIsLeftByAnythingElse) {
  allow_saving();
  type({"I have", "/fork 1 2", "a cough", "1", "/save kept.jsonl"});
  run();
  EXPECT_EQ(saved().at(1).prompt, "a cough");
}

TEST_F(SessionTest, AgreementAndProbabilitiesAreMarkedAsAMachines) {
  type({"I have", "/agree", "/colour"});
  run();
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("── machine · where 3 continuations agree and part"),
                                    HasSubstr("── machine 3/3 · how likely each word was"),
                                    HasSubstr("│ "), HasSubstr("%)"), Not(HasSubstr("\x1b"))));
}

TEST_F(SessionTest, WhichWordsLedToAContinuationIsAnsweredBehindItsMark) {
  type({"I have a sharp pain", "/why 2", "/why 4"});
  run();
  EXPECT_THAT(console_.shown,
              AllOf(HasSubstr("── machine 2 · which words of the text led to it"),
                    HasSubstr("etter than random"), HasSubstr("nothing about a person"),
                    HasSubstr("give the number of a continuation, from 1 to 3")));
}

TEST_F(SessionTest, ColoursStandInPlaceOfNumbers) {
  console_.color = true;
  console_.plain = false;
  type({"I have", "/colour"});
  run();
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("\x1b[1;3"), Not(HasSubstr("%)"))));
}

TEST_F(SessionTest, SettingsActOnTheNextText) {
  allow_saving();
  type({"I have", "/set max_new_tokens 2", "/set n 1", "/seed 7", "a", "/save kept.jsonl"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  ASSERT_THAT(runs[1].completions, SizeIs(1));
  EXPECT_EQ(runs[1].completions[0].num_tokens, 2);
  EXPECT_EQ(runs[1].settings.sampling.seed, 7U);
}

TEST_F(SessionTest, WithoutASeedOneIsDrawnForEachText) {
  allow_saving();
  asked_.given.erase("seed");
  type({"I have", "I have", "/save kept.jsonl", "/seed"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_NE(runs[0].settings.sampling.seed, runs[1].settings.sampling.seed);
  EXPECT_THAT(console_.shown,
              HasSubstr("seed " + std::to_string(runs[1].settings.sampling.seed) + " made"));
}

TEST_F(SessionTest, ATaskPutsTheTextIntoItsForm) {
  allow_saving();
  type({"/task symptoms", "a cough", "/task off", "a cough", "/save kept.jsonl", "/task nothing"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0].prompt, "since a cough and");
  EXPECT_EQ(runs[1].prompt, "a cough");
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("A form for tests."), Not(HasSubstr("nothing"))));
}

TEST_F(SessionTest, WhatIsSavedIsForItsUserAloneAndReplacesNothing) {
  allow_saving();
  folder_.write("there", "before");
  type({"I have", "/save there", "/save ../elsewhere", "/save .hidden", "/save kept.jsonl"});
  const mode_t before = ::umask(077);
  run();
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "kept.jsonl").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_THAT(console_.shown,
              AllOf(HasSubstr("a file of that name already"), HasSubstr("the name of a file alone"),
                    Not(HasSubstr("elsewhere"))));
  EXPECT_EQ(folder_.entries(), 2);
}

TEST_F(SessionTest, WithoutAFolderNothingIsSaved) {
  type({"I have", "/save kept.jsonl"});
  run();
  EXPECT_THAT(console_.shown, HasSubstr("--save-folder"));
}

TEST_F(SessionTest, NewForgetsAndClears) {
  allow_saving();
  type({"I have", "/set stop cough", "/new", "/again", "a pain", "/save kept.jsonl"});
  run();
  const auto runs = saved();
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].prompt, "a pain");
  EXPECT_THAT(runs[0].settings.stopping.stop, IsEmpty());
  EXPECT_EQ(console_.cleared, 1);
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("there is no text yet"), Not(HasSubstr("I have"))));
  EXPECT_GE(console_.forgotten, 1);
}

TEST_F(SessionTest, ForgettingLeavesTheScreen) {
  type({"I have", "/forget", "/again"});
  run();
  EXPECT_EQ(console_.cleared, 0);
  EXPECT_THAT(console_.shown, HasSubstr("there is no text yet"));
}

TEST_F(SessionTest, AnIdleSessionForgetsClearsAndSaysSo) {
  type({"I have"});
  console_.happens(Kind::kIdle);
  type({"/again"});
  EXPECT_EQ(run(), Session::End::kAsked);
  EXPECT_EQ(console_.cleared, 1);
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("texts are forgotten and the screen is cleared"),
                                    HasSubstr("there is no text yet"), Not(HasSubstr("I have"))));
}

TEST_F(SessionTest, AHangUpForgetsClearsAndEnds) {
  type({"I have"});
  console_.happens(Kind::kHangUp);
  type({"never read"});
  EXPECT_EQ(run(), Session::End::kHangUp);
  EXPECT_EQ(console_.shown, "");
  EXPECT_THAT(console_.initial_texts, SizeIs(2));
}

// Texts without an end, which the third step of the model interrupts.
class EndlessTextTest : public SessionTest {
 protected:
  void at_the_third_step(const std::function<void()>& what) {
    asked_.given["max_new_tokens"] = 1'000'000;
    backend_.before_step = [this, what] {
      if (++steps_ == 3) what();
    };
  }

  FakeBackend backend_{10, 2'000'000, 16};
  int steps_ = 0;
};

TEST_F(EndlessTextTest, CtrlCKeepsWhatThereIsAndTheSessionGoesOn) {
  at_the_third_step([this] { console_.interrupt(); });
  type({"I have"});
  console_.happens(Kind::kInterrupted);
  type({"/edit 1"});
  EXPECT_EQ(Session(model_, backend_, asked_, console_).run(), Session::End::kAsked);
  EXPECT_THAT(console_.shown, HasSubstr("stopped"));
  ASSERT_THAT(console_.initial_texts, SizeIs(4));
  EXPECT_TRUE(console_.initial_texts[3].starts_with("I have ")) << "what was there is lost";
}

TEST_F(EndlessTextTest, AHangUpInTheMiddleOfATextEndsTheSession) {
  at_the_third_step([this] { console_.hang_up(); });
  type({"I have", "never read"});
  EXPECT_EQ(Session(model_, backend_, asked_, console_).run(), Session::End::kHangUp);
  EXPECT_EQ(console_.shown, "");
  EXPECT_THAT(console_.initial_texts, SizeIs(1));
}

TEST_F(SessionTest, WhatCannotBeContinuedIsRefusedAndTheSessionGoesOn) {
  allow_saving();
  std::string much;
  for (int i = 0; i < 100; ++i) much += "fever ";
  type({much, "/more 1", "I have", "/more 4", "/save kept.jsonl"});
  run();
  EXPECT_THAT(saved(), SizeIs(1));
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("there is no text yet"), HasSubstr("from 1 to 3"),
                                    Not(HasSubstr("fever fever fever fever fever fever"))));
}

TEST_F(SessionTest, HelpNamesEveryCommand) {
  type({"/help", "/settings", "/settings all", "/model", "/set top_k"});
  run();
  for (const CommandInfo& info : command_infos())
    EXPECT_THAT(console_.shown, HasSubstr("/" + std::string(info.name)));
  EXPECT_THAT(console_.shown, AllOf(HasSubstr("temperature"), HasSubstr("dry_multiplier"),
                                    HasSubstr("17.7 M parameters")));
}

TEST_F(SessionTest, QuitEndsBeforeTheNextLine) {
  type({"/quit", "I have"});
  EXPECT_EQ(run(), Session::End::kAsked);
  EXPECT_THAT(console_.shown, Not(HasSubstr("machine 1/3")));
}

TEST_F(SessionTest, TabOffersCommandsSettingsTasksAndFiles) {
  folder_.write("one.jsonl", "");
  const auto offered = [&](std::string_view typed) {
    return completions(typed, model_.templates, folder_.path());
  };
  EXPECT_THAT(offered("/se").words, ElementsAre("/set", "/settings", "/seed"));
  EXPECT_THAT(offered("/set top_k").words, ElementsAre("top_k"));
  EXPECT_EQ(offered("/set top_k").start, 5U);
  EXPECT_THAT(offered("/task s").words, ElementsAre("symptoms"));
  EXPECT_THAT(offered("/save o").words, ElementsAre("one.jsonl"));
  EXPECT_THAT(offered("I have /se").words, IsEmpty());
}

}  // namespace
}  // namespace medgen::session
