// What people type, pipe and write into a configuration file reaches the program as they meant it.
// Knows nothing of how the words are sorted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Words = std::vector<std::string>;
using Json = nlohmann::json;

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Of the tiny model, one short continuation.
Words short_run(const Words& more) {
  return joined({"--model", tiny_model(), "--seed", "1", "-n", "1", "--max-new-tokens", "3"}, more);
}

Json json_of(const Words& words, const RunOptions& options = {}) {
  const RunResult result = run(words, options);
  EXPECT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out, nullptr, false);
  EXPECT_TRUE(json.is_object()) << result.out;
  return json.is_object() ? json : Json::object();
}

Json settings_of(const Words& words) { return json_of(words)["provenance"]["sampling"]; }

class CommandLineCliTest : public FolderTest {};

TEST_F(CommandLineCliTest, ATextThatBeginsWithADashIsContinued) {
  for (const std::string text : {"-headache and fever", "-no fever, today", "-h no fever"}) {
    EXPECT_EQ(json_of(short_run({"--json", text}))["prompt"], text);
  }
  const RunResult one_word = run(short_run({"-headache"}));
  EXPECT_EQ(one_word.status, 2);
  EXPECT_THAT(one_word.err, AllOf(HasSubstr("put -- before"), Not(HasSubstr("headache"))));
}

TEST_F(CommandLineCliTest, OptionsMayStandBeforeTheCommand) {
  const Words words = {"tokenize", "--tokenizer", tiny_model(), "--json", "fever"};
  const std::string expected = run(words).out;
  EXPECT_THAT(expected, StartsWith("{"));
  EXPECT_EQ(run({"--json", "tokenize", "--tokenizer", tiny_model(), "fever"}).out, expected);
  EXPECT_EQ(run({"--tokenizer", tiny_model(), "tokenize", "--json", "fever"}).out, expected);
  EXPECT_EQ(run({"--tokenizer=" + tiny_model(), "tokenize", "--json", "fever"}).out, expected);
}

TEST_F(CommandLineCliTest, UnderscoresAreDashesAndTheNearestOptionIsNamed) {
  EXPECT_EQ(settings_of(short_run({"--json", "--top_k", "7", "ill"}))["top_k"], 7);
  EXPECT_THAT(run(short_run({"--tpo-k", "7", "ill"})).err, HasSubstr("did you mean --top-k?"));
}

TEST_F(CommandLineCliTest, ATextWhereAPathIsWantedIsNotRepeatedHoweverLongItIs) {
  std::string text = "my secret illness";
  for (int i = 0; i < 500; ++i) text += " goes on";
  const RunResult result = run({"tokenize", "--tokenizer", text, "fever"});
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("File name too long"), Not(HasSubstr("illness"))));
}

TEST_F(CommandLineCliTest, ConfigurationFilesKeepWholeValues) {
  const std::string config = file("medgen.cfg",
                                  "# whole values\nstop = \"it#s\"\nsuppress-tokens = [5, 6]\n"
                                  "negative_prompt = I feel fine # and well\n"
                                  "guidance-scale = 1.5\n");
  const Json settings = settings_of(short_run({"--json", "--config", config, "ill"}));
  EXPECT_EQ(settings["stop"], Json({"it#s"}));
  EXPECT_EQ(settings["suppress_tokens"], Json({5, 6}));
  const Json typed = settings_of(short_run(
      {"--json", "--guidance-scale", "1.5", "--negative-prompt", "I feel fine # and well", "ill"}));
  EXPECT_EQ(settings["negative_prompt_ids"], typed["negative_prompt_ids"]);
  EXPECT_EQ(settings["guidance_scale"], 1.5);
}

TEST_F(CommandLineCliTest, ShowConfigNeedsNothingElse) {
  for (const Words& words : {Words{"--show-config"}, Words{"batch", "--show-config"}}) {
    const RunResult result = run(words, {.environment = {{"MEDGEN_TOP_K", "4"}}});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("--top-p"));
    EXPECT_TRUE(std::regex_search(
        result.out, std::regex("--top-k +4 +the environment variable MEDGEN_TOP_K\n")))
        << result.out;
  }
}

TEST_F(CommandLineCliTest, AVariableThatNothingReadsIsNamed) {
  const RunResult result =
      run(short_run({"ill"}), {.environment = {{"MEDGEN_TOPK", "4"}, {"MEDGEN_SLOTS", "2"}}});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("MEDGEN_TOPK is not read: did you mean MEDGEN_TOP_K?"));
  EXPECT_THAT(result.err, Not(HasSubstr("MEDGEN_SLOTS"))) << "which other commands have";
}

TEST_F(CommandLineCliTest, AByteOrderMarkOfAPipeIsDroppedAndSaid) {
  const RunResult result = run(short_run({"--json"}), {.input = "\xEF\xBB\xBFill\n"});
  EXPECT_EQ(Json::parse(result.out, nullptr, false)["prompt"], "ill") << result.out;
  EXPECT_THAT(result.err, HasSubstr("byte order mark"));
}

TEST_F(CommandLineCliTest, ABlankAtTheEndOfATextGetsAHint) {
  EXPECT_THAT(run(short_run({"I feel "})).err, HasSubstr("ends in a blank"));
  EXPECT_THAT(run(short_run({"I feel"})).err, Not(HasSubstr("ends in a blank")));
  EXPECT_THAT(run(short_run({"--quiet", "I feel "})).err, Not(HasSubstr("ends in a blank")));
}

TEST_F(CommandLineCliTest, ALineBreakInAStopStringCanBeTyped) {
  const Json settings =
      settings_of(short_run({"--json", "--stop", "\\n", "--stop", "a\\tb\\\\n\\d", "ill"}));
  EXPECT_EQ(settings["stop"], Json({"\n", "a\tb\\n\\d"}));
}

TEST_F(CommandLineCliTest, APromptFromATerminalIsReadUntilItsEnd) {
  Process process(joined({"generate"}, short_run({"--prompt-file", "-"})), {.terminal = true});
  ASSERT_TRUE(process.wait_for_error("Ctrl-D"));
  process.type("I feel\nill\n\x04");
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("I feel\r\n"), HasSubstr("Generated #1")));
}

TEST_F(CommandLineCliTest, TextsAreNotSeenAmongTheProcessesAndTheShellIsSpokenOf) {
  const Words words = {"generate",    "--model",  tiny_model(),  "-n",           "4096",
                       "--bad-words", "Zebediah", "--stop=Quux", "--ignore-eos", "Ottoline is ill"};
  Process process(words, {});
  ASSERT_TRUE(process.wait_for_output("Generated #1"));
  const std::string seen = process.command_line();
  EXPECT_THAT(seen, HasSubstr("--ignore-eos"));
  for (const char* word : {"Zebediah", "Quux", "Ottoline"}) {
    EXPECT_THAT(seen, Not(HasSubstr(word)));
  }
  process.signal(SIGKILL);
  process.wait();
  // Standard error is a terminal too.
  RunOptions terminal{.terminal = true, .program = "/bin/bash"};
  const Words script =
      joined({"-c", "exec \"$@\" 2>&1", "bash", MEDGEN_PROGRAM}, short_run({"I feel ill"}));
  EXPECT_THAT(run(script, terminal).out, HasSubstr("your shell may keep this text"));
  EXPECT_THAT(run(short_run({"I feel ill"})).err, Not(HasSubstr("your shell")));
}

TEST_F(CommandLineCliTest, AHugeTemperatureDrawsOtherTextsForOtherSeeds) {
  std::set<std::string> texts;
  for (const char* seed : {"1", "2", "3", "4"}) {
    const Json json = json_of({"--model", tiny_model(), "--json", "--temperature", "1e46", "-n",
                               "1", "--top-k", "0", "--seed", seed, "ill"});
    texts.insert(json["completions"].dump());
  }
  EXPECT_EQ(texts.size(), 4U);
}

TEST_F(CommandLineCliTest, NothingInJsonOrTablesControlsATerminal) {
  const std::string bad = "a\u009b31mb\u202ec\x7f";
  const Words json = joined({"generate", "--json"}, short_run({bad}));
  const RunResult shown = run(json, {.terminal = true});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("<U+009B>"), HasSubstr("<U+202E>"), HasSubstr("^?")));
  EXPECT_EQ(Json::parse(run(json).out, nullptr, false)["prompt"], bad) << "in a pipe it is whole";
  const RunResult table = run({"tokenize", "--tokenizer", tiny_model(), bad}, {.terminal = true});
  EXPECT_THAT(table.out, Not(HasSubstr("\u009b")));
}

TEST_F(CommandLineCliTest, RowsOnATerminalDoNotControlIt) {
  const std::string rows = file("rows.txt", "a\u009b31mb\u202ec\n");
  const Words words = joined({"batch", rows, "-o", "-", "--slots", "1"}, short_run({}));
  const RunResult shown = run(words, {.terminal = true});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("<U+009B>"), HasSubstr("<U+202E>")));
  EXPECT_THAT(run(words).out, HasSubstr("\u202e"));
}

// Every option of every command that takes something else than a place.
struct Option {
  std::string name, metavar;
};

std::vector<Option> options_of(const std::string& help) {
  std::vector<Option> options;
  const std::regex line("\n  (?:-[a-z],)?(--[a-z0-9-]+)(?: ([A-Za-z,.|/=]+))?");
  for (std::sregex_iterator match(help.begin(), help.end(), line), end; match != end; ++match) {
    options.push_back({(*match)[1], (*match)[2]});
  }
  return options;
}

bool is_place(const std::string& metavar) {
  for (const char* word : {"FILE", "DIR", "FOLDER", "PATH", "PLACE"}) {
    if (metavar.find(word) != std::string::npos) return true;
  }
  return false;
}

TEST_F(CommandLineCliTest, NoMessageRepeatsWhatAnOptionWasGiven) {
  const std::string overview = run({"--help"}).out;
  const std::regex command_line("\n  ([a-z-]+) +[a-z]");
  int commands = 0, tried = 0;
  for (std::sregex_iterator match(overview.begin(), overview.end(), command_line), end;
       match != end; ++match) {
    const std::string command = (*match)[1];
    const std::string help = run({command, "--help"}).out;
    const std::string usage = help.substr(0, help.find("\n\n"));
    ++commands;
    for (const Option& option : options_of(help)) {
      if (option.name == "--help" || option.name == "--show-config" || is_place(option.metavar)) {
        continue;
      }
      const bool json = option.metavar == "JSON";
      for (const std::string& value :
           {std::string("Zebediah Quux 1956"),
            std::string(json ? R"({"Zebediah": "Quux"})" : "Zebediah=Quux")}) {
        Words words = {command, option.name + "=" + value};
        if (help.find("\n  --model ") != std::string::npos) {
          words.insert(words.end(), {"--model", "/nonexistent/model"});
        }
        if (usage.find("[OPTIONS] ") != std::string::npos) {
          words.emplace_back("/nonexistent/positional");
        }
        const RunResult result = run(words);
        ++tried;
        EXPECT_NE(result.status, 0) << ::testing::PrintToString(words);
        for (const char* word : {"Zebediah", "Quux", "1956"}) {
          EXPECT_THAT(result.err, Not(HasSubstr(word))) << ::testing::PrintToString(words);
          EXPECT_THAT(result.out, Not(HasSubstr(word))) << ::testing::PrintToString(words);
        }
      }
    }
  }
  EXPECT_GE(commands, 20);
  // Companion: where a value is repeated, it is found.
  EXPECT_THAT(run({"generate", "--top-k=1956.5", "x"}).err, HasSubstr("1956"));
  EXPECT_GT(tried, 500);
}

}  // namespace
}  // namespace medgen::cli_tests
