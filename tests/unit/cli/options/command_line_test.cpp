// The ranks of command line, environment and configuration file, and how bad values are refused.
// Knows nothing of any command.
#include "cli/options/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "medgen/error.h"

namespace medgen::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Values {
  std::optional<int> top_k, max_length, max_new_tokens;
  std::optional<float> temperature;
  std::optional<std::vector<std::string>> stop;
  std::optional<std::string> text;
  bool json = false;
};

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest()
      : file_(std::filesystem::temp_directory_path() /
              ("medgen_config_" + std::to_string(::getpid()) + ".ini")) {}
  void TearDown() override {
    for (const char* name : {"MEDGEN_TOP_K", "MEDGEN_JSON", "MEDGEN_CONFIG", "MEDGEN_STOP",
                             "MEDGEN_MAX_LENGTH", "MEDGEN_MAX_NEW_TOKENS"}) {
      ::unsetenv(name);
    }
    std::filesystem::remove(file_);
  }

  static Values parse(const std::vector<std::string>& words) {
    Values v;
    CommandLine line("test", "A test.");
    line.positional("TEXT", v.text, false, "Text.");
    line.number("-k,--top-k", v.top_k, "K.");
    line.number("--max-length", v.max_length, "Length.");
    line.number("--max-new-tokens", v.max_new_tokens, "New.");
    line.exclude("--max-length", "--max-new-tokens");
    line.number("--temperature", v.temperature, "T.");
    line.texts("--stop", "TEXT", v.stop, "Stop.");
    line.flag("--json", v.json, "Json.");
    line.config_file();
    line.parse(words);
    return v;
  }

  static std::string refusal(const std::vector<std::string>& words) {
    try {
      parse(words);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "";
  }

  std::string write_config(const std::string& content) {
    std::ofstream(file_) << content;
    return file_.string();
  }

  std::filesystem::path file_;
};

TEST_F(CommandLineTest, CommandLineWinsOverEnvironmentWinsOverConfigFile) {
  const std::string config = write_config("top-k = 3\nmax-length = 30\njson = true\n");
  EXPECT_EQ(parse({"--config", config}).top_k, 3);
  EXPECT_TRUE(parse({"--config", config}).json);
  ::setenv("MEDGEN_TOP_K", "2", 1);
  EXPECT_EQ(parse({"--config", config}).top_k, 2);
  const Values values = parse({"--config", config, "--top-k", "1"});
  EXPECT_EQ(values.top_k, 1);
  EXPECT_EQ(values.max_length, 30);
}

TEST_F(CommandLineTest, UnsetOptionsStayUnset) {
  const Values values = parse({});
  EXPECT_FALSE(values.top_k || values.text || values.stop || values.json);
}

TEST_F(CommandLineTest, EnvironmentCanNameTheConfigFileAndTurnFlagsOff) {
  ::setenv("MEDGEN_CONFIG", write_config("top-k = 7\njson = true\n").c_str(), 1);
  ::setenv("MEDGEN_JSON", "0", 1);
  EXPECT_EQ(parse({}).top_k, 7);
  EXPECT_FALSE(parse({}).json);
}

TEST_F(CommandLineTest, ExcludedOptionOfLowerRankIsLeftOut) {
  ::setenv("MEDGEN_MAX_NEW_TOKENS", "5", 1);
  const Values values = parse({"--max-length", "9"});
  EXPECT_EQ(values.max_length, 9);
  EXPECT_FALSE(values.max_new_tokens);
  EXPECT_THAT(refusal({"--max-length", "9", "--max-new-tokens", "5"}),
              HasSubstr("cannot be combined"));
  ::setenv("MEDGEN_MAX_LENGTH", "5", 1);
  EXPECT_THAT(refusal({}), HasSubstr("MEDGEN_MAX_LENGTH"));
}

TEST_F(CommandLineTest, RepeatableOptionTakesOneValueEachTime) {
  const Values values = parse({"--stop", "a", "--stop", "[b,c]", "text"});
  EXPECT_EQ(values.stop, (std::vector<std::string>{"a", "[b,c]"}));
  EXPECT_EQ(values.text, "text");
  const std::string config = write_config("stop = [\"one\", \"two words\"]\n");
  EXPECT_EQ(parse({"--config", config}).stop, (std::vector<std::string>{"one", "two words"}));
}

TEST_F(CommandLineTest, LastOfSeveralValuesCounts) {
  EXPECT_EQ(parse({"-k", "1", "--top-k=2"}).top_k, 2);
}

TEST_F(CommandLineTest, TextIsTakenAsItIs) {
  for (const std::string text :
       {"{}", "[a]", "++", "", "a=b", "%", "-1", "\"quoted\"", " blanks "}) {
    EXPECT_EQ(parse({"--", text}).text, text);
  }
  EXPECT_EQ(parse({"{}"}).text, "{}");
  EXPECT_EQ(parse({"[a,b]"}).text, "[a,b]");
}

TEST_F(CommandLineTest, BadNumbersAreRefusedWithTheirValue) {
  for (const std::string bad : {"1e2", "99999999999", "3.5"}) {
    EXPECT_THAT(refusal({"--top-k", bad}), HasSubstr("--top-k is \"" + bad + "\"")) << bad;
  }
  EXPECT_THAT(refusal({"--temperature", "1e400"}), HasSubstr("--temperature is \"1e400\""));
  EXPECT_EQ(parse({"--top-k", "-1"}).top_k, -1) << "ranges are for others to check";
}

TEST_F(CommandLineTest, WhatIsNoNumberIsRefusedWithItsLengthAlone) {
  for (const std::string bad : {"3abc", " 3", "3 ", "0x10"}) {
    EXPECT_THAT(refusal({"--top-k", bad}),
                HasSubstr("--top-k is a text of " + std::to_string(bad.size()) + " characters"));
  }
  EXPECT_THAT(refusal({"--top-k", ""}), HasSubstr("--top-k is empty: give a whole number"));
  EXPECT_THAT(refusal({"--temperature", "John Smith 1956"}),
              HasSubstr("--temperature is a text of 15 characters: give a number"));
  EXPECT_THAT(refusal({"--json=maybe"}), HasSubstr("--json is a text of 5 characters"));
}

TEST_F(CommandLineTest, ATextThatBeginsWithADashAndHasABlankIsAText) {
  EXPECT_EQ(parse({"-headache and fever"}).text, "-headache and fever");
  EXPECT_EQ(parse({"--top_k", "5", "-no fever, John Smith 1956"}).text,
            "-no fever, John Smith 1956");
  EXPECT_EQ(parse({"--top_k=5"}).top_k, 5);
  EXPECT_EQ(parse({"-k5"}).top_k, 5);
  EXPECT_THAT(refusal({"-kidney"}), HasSubstr("argument 1 begins with a dash"));
}

TEST_F(CommandLineTest, BadValueNamesWhereItWasSet) {
  ::setenv("MEDGEN_TOP_K", "many", 1);
  EXPECT_THAT(refusal({}), HasSubstr("MEDGEN_TOP_K is a text of 4 characters"));
  ::unsetenv("MEDGEN_TOP_K");
  const std::string config = write_config("top-k = few\n");
  EXPECT_THAT(refusal({"--config", config}), HasSubstr("top-k in " + config + ", line 1, is"));
}

TEST_F(CommandLineTest, TheLineOfTheFileIsNamed) {
  const std::string commented = write_config("# top-k = 1\n\n  top-k=few\njson = true\n");
  EXPECT_THAT(refusal({"--config", commented}), HasSubstr(commented + ", line 3, is"));
}

TEST_F(CommandLineTest, AConfigFileKeepsWholeValues) {
  const auto config = [&](const std::string& content) {
    return parse({"--config", write_config(content)});
  };
  EXPECT_EQ(config("stop = \"it#s\"\n").stop, std::vector<std::string>{"it#s"});
  EXPECT_EQ(config("stop = the end\n").stop, std::vector<std::string>{"the end"});
  EXPECT_EQ(config("stop = no # comment\n").stop, std::vector<std::string>{"no # comment"});
  EXPECT_EQ(config("stop = a\nstop = [\"b\", \"c d\"]\n").stop,
            (std::vector<std::string>{"a", "b", "c d"}));
  EXPECT_EQ(config("top_k = 5\n").top_k, 5);
  EXPECT_EQ(config("\xEF\xBB\xBFtop-k = 5\r\n\r\n").top_k, 5);
}

TEST_F(CommandLineTest, AConfigFileGivesOneValueToWhatTakesOne) {
  EXPECT_THAT(refusal({"--config", write_config("top-k = 1\n\ntop-k = 2\n")}),
              HasSubstr("sets top-k twice, in lines 1 and 3"));
  EXPECT_THAT(refusal({"--config", write_config("top-k = [1, 2]\n")}),
              HasSubstr("line 1, is a text of 6 characters: give a whole number"));
}

TEST_F(CommandLineTest, ShowConfigPrintsEveryOptionWithItsValueAndItsPlace) {
  const std::string config = write_config("top-k = 3\nstop = [\"a\", \"b c\"]\n");
  ::setenv("MEDGEN_MAX_LENGTH", "9", 1);
  try {
    parse({"--show-config", "--config", config, "--temperature=0.5"});
    FAIL() << "nothing was shown";
  } catch (const HelpRequested& shown) {
    const auto line = [&](const std::string& name) {
      const std::size_t begin = shown.text.find(name + " ");
      return shown.text.substr(begin, shown.text.find('\n', begin) - begin);
    };
    EXPECT_THAT(line("--top-k"),
                ::testing::AllOf(HasSubstr("  3  "),
                                 ::testing::EndsWith("  top-k in " + config + ", line 1")));
    EXPECT_THAT(line("--stop"), HasSubstr("[\"a\",\"b c\"]"));
    EXPECT_THAT(line("--max-length"),
                ::testing::EndsWith("the environment variable MEDGEN_MAX_LENGTH"));
    EXPECT_THAT(line("--temperature"), ::testing::EndsWith("the command line"));
    EXPECT_THAT(line("--json"), ::testing::EndsWith("default"));
    EXPECT_THAT(line("--sandbox"), HasSubstr("on"));
  }
}

TEST_F(CommandLineTest, UnknownNamesAreRefused) {
  EXPECT_THAT(refusal({"--tempreature", "1"}), HasSubstr("unknown option --tempreature"));
  EXPECT_THAT(refusal({"--config", write_config("\ntop-kk = 3\n")}),
              HasSubstr("line 2, sets \"top-kk\", which is not an option of this command; did you "
                        "mean top-k?"));
  EXPECT_THAT(refusal({"--config", write_config("[generate]\ntop-k = 3\n")}),
              HasSubstr("no sections"));
  EXPECT_THAT(refusal({"--config", "/nonexistent/medgen.ini"}),
              HasSubstr("/nonexistent/medgen.ini"));
}

TEST_F(CommandLineTest, RefusalsNeverQuoteATextWithBlanks) {
  const std::string message = refusal({"my secret", "illness is known"});
  EXPECT_THAT(message, HasSubstr("quotes"));
  EXPECT_THAT(message, Not(HasSubstr("illness")));
  EXPECT_THAT(refusal({"-my secret illness"}), Not(HasSubstr("illness")));
}

TEST_F(CommandLineTest, HelpListsVariablesAndExitStatuses) {
  try {
    parse({"--top-k", "not read", "--help"});
    FAIL() << "no help";
  } catch (const HelpRequested& help) {
    EXPECT_THAT(help.text, HasSubstr("[MEDGEN_TOP_K]"));
    EXPECT_THAT(help.text, HasSubstr("Exit status: 0 success"));
    EXPECT_THAT(help.text, HasSubstr("[TEXT]"));
  }
}

// So that no command can forget to tell the sandbox.
TEST_F(CommandLineTest, NoFileIsBothReadAndWrittenOrWrittenTwice) {
  const std::string input = write_config("precious");
  const auto refusal = [&](const std::vector<std::string>& words) -> std::string {
    std::optional<std::vector<std::string>> inputs;
    std::optional<std::string> csv, report;
    CommandLine line("test", "A test.");
    line.positionals(reads("FILE"), inputs, true, "Inputs.");
    line.text("--csv", writes_file("FILE"), csv, "One.");
    line.text("--report", writes_file("FILE"), report, "Two.");
    try {
      line.parse(words);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "";
  };
  const std::string folder = file_.parent_path().string();
  const std::string again = folder + "/./" + file_.filename().string();
  for (const char* output : {"--csv", "--report", "--log-file"}) {
    EXPECT_THAT(refusal({"other", input, output, again}), HasSubstr("both input and output"));
  }
  EXPECT_THAT(refusal({input, "--csv", "new", "--report", "./new"}), HasSubstr("two outputs"));
  EXPECT_EQ(refusal({input, "--csv", "new", "--report", "newer"}), "");
  EXPECT_EQ(refusal({input, "--csv", "/dev/null", "--report", "/dev/null"}), "");
  EXPECT_EQ(refusal({"-", "--csv", "-"}), "");
  std::string content;
  std::ifstream(input) >> content;
  EXPECT_EQ(content, "precious") << "not even a line of the log";
}

TEST_F(CommandLineTest, OptionsAndPositionalsThatNameAPlaceMustSayWhatIsDoneWithIt) {
  std::optional<std::string> value;
  std::optional<std::vector<std::string>> all;
  int options = 0;
  CommandLine line("test", "A test.");
  for (const char* metavar : {"FILE", "DIR", "FOLDER", "PATH", "PLACE", "DIR|FILE.pt", "OUT_DIR"}) {
    EXPECT_THROW(line.text("--undeclared", metavar, value, "A place."), std::logic_error);
    EXPECT_THROW(line.texts("--undeclared", metavar, all, "Places."), std::logic_error);
    EXPECT_NO_THROW(
        line.text("--declared-" + std::to_string(++options), reads(metavar), value, "A place."));
  }
  EXPECT_THROW(line.positional("SOURCE", value, true, "A place."), std::logic_error);
  EXPECT_THROW(line.positionals("INPUT", all, true, "Places."), std::logic_error);
  EXPECT_NO_THROW(line.positionals(reads("INPUT"), all, true, "Places."));
}

// What manual pages and completions are made from.
TEST_F(CommandLineTest, HelpBringsTheShapeOfTheCommand) {
  std::optional<std::string> format, output, shell;
  std::optional<std::vector<std::string>> grid;
  bool quiet = false;
  CommandLine line("medgen test", "A test.");
  line.positional(only("SHELL", {"bash", "zsh"}), shell, true, "Which.");
  line.choice("--format", {"csv", "txt"}, format, "How.");
  line.text("-o,--output", writes_file("FILE"), output, "Where.");
  line.texts("--grid", assigns("SETTING=VALUE", {"top_k"}), grid, "What.");
  line.flag("--quiet", quiet, "Silence.");
  line.exclude("--grid", "--format");
  CommandShape shape;
  try {
    line.parse({"--help"});
  } catch (const HelpRequested& help) {
    shape = help.shape;
  }
  EXPECT_EQ(shape.name, "medgen test");
  EXPECT_EQ(shape.description, "A test.");
  const auto option = [&](const std::string& name) {
    for (const OptionShape& one : shape.options) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << name;
    return OptionShape{};
  };
  EXPECT_TRUE(option("SHELL").positional && option("SHELL").required);
  EXPECT_EQ(option("SHELL").use, WordUse::kOnly);
  EXPECT_EQ(option("--format").words, (std::vector<std::string>{"csv", "txt"}));
  EXPECT_EQ(option("--format").excludes, std::vector<std::string>{"--grid"});
  EXPECT_EQ(option("--output").letter, 'o');
  EXPECT_EQ(option("--output").place, Place::kOutputFile);
  EXPECT_EQ(option("--grid").use, WordUse::kAssigned);
  EXPECT_TRUE(option("--grid").many && !option("--grid").flag);
  EXPECT_TRUE(option("--quiet").flag && option("--quiet").metavar.empty());
}

TEST_F(CommandLineTest, APositionalOfKnownWordsRefusesOthersByName) {
  const auto refusal = [](const std::vector<std::string>& words) -> std::string {
    std::optional<std::string> shell;
    CommandLine line("test", "A test.");
    line.positional(only("SHELL", {"bash", "zsh"}), shell, true, "Which.");
    try {
      line.parse(words);
    } catch (const Error& error) {
      return error.what();
    }
    return *shell;
  };
  EXPECT_EQ(refusal({"zsh"}), "zsh");
  EXPECT_EQ(refusal({"zhs"}), "SHELL is \"zhs\": give one of bash, zsh");
  EXPECT_THAT(refusal({"my secret"}), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace medgen::cli
