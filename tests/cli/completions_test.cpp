// What bash, zsh and fish offer for command lines of medgen, asked of the shells themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"
#include "cli/shell.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

std::string script_for(const std::string& name) {
  const RunResult made = run({"completions", name});
  EXPECT_EQ(made.status, 0) << made.err;
  return made.out;
}

// The words of a line that is being typed, cut where bash cuts them.
std::string bash_words(const std::string& typed) {
  std::string words;
  for (const char c : typed) {
    words += c == ' ' ? "' '" : c == '=' ? "' = '" : std::string(1, c);
  }
  words = "'" + words + "'";
  // An = ends the word before it and is one itself.
  return std::regex_replace(words, std::regex("= ''$"), "=");
}

// Keys as they are typed into a zsh on a terminal of its own; what the completion adds is gathered
// by a compadd before the shell's, and written by another key.
constexpr const char* kZshDriver = R"zsh(
zmodload zsh/zpty
zpty inner "TERM=dumb ZDOTDIR=$1 zsh -f -i"
zpty -w inner "cd ${(q)1}; autoload -Uz compinit; compinit -C -d ./zcompdump; source ./_medgen; source ./gather; print -r -- RE''ADY"
while zpty -r inner line; do [[ $line == *READY* ]] && break; done
zpty -n -w inner "$2"$'\C-i\C-x'
for (( i = 0; i < 1000; ++i )); do [[ -e $1/done ]] && break; zselect -t 5; done
zpty -d inner
cat $1/found
)zsh";

constexpr const char* kZshGather = R"zsh(
typeset -ga gathered
compadd() {
  local -a hits
  if [[ " $* " != *" -"[ADO]" "* ]]; then
    builtin compadd -A hits "$@"
    gathered+=("${hits[@]}")
  fi
  builtin compadd "$@"
}
_gather() { gathered=(); _main_complete; }
zle -C gather complete-word _gather
_write() { print -rl -- $gathered > ./found; : > ./done; }
zle -N _write
bindkey '^I' gather
bindkey '^X' _write
)zsh";

class CompletionsCliTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    fs::create_directories(folder_ / "models/other");
    file("prompts.jsonl", "");
    file("model.pt", "");
    // A program that is installed with a model, for completions to find; none is run.
    fs::create_directories(folder_ / "prefix/bin");
    fs::create_directories(folder_ / "prefix/share/medgen/models/installed");
    fs::permissions(file("prefix/bin/medgen", "#!/bin/sh\nexit 1\n"), fs::perms::owner_all);
  }

  // What the shell makes of the line, with the folder of the test as its own; `script` in place of
  // the program's.
  Strings bash(const std::string& typed, std::string script = "") const {
    if (script.empty()) script = script_for("bash");
    file("medgen.bash", script);
    const std::string asked = "cd " + shell_word(folder_) + "; source ./medgen.bash; COMP_WORDS=(" +
                              bash_words(typed) +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _medgen; "
                              "printf '%s\\n' \"${COMPREPLY[@]}\"";
    return answers(
        run({"--norc", "-c", asked}, {.environment = variables(), .program = "/bin/bash"}));
  }

  Strings fish(const std::string& typed, std::string script = "") const {
    if (script.empty()) script = script_for("fish");
    file("medgen.fish", script);
    const std::string asked = "cd " + shell_word(folder_) + "; source ./medgen.fish; complete -C " +
                              shell_word(typed) + " | string replace -r '\\t.*' ''";
    return answers(run({"--no-config", "-c", asked},
                       {.environment = variables(), .program = "/usr/bin/fish"}));
  }

  Strings zsh(const std::string& typed, std::string script = "") const {
    if (script.empty()) script = script_for("zsh");
    file("_medgen", script);
    file("gather", kZshGather);
    fs::remove(folder_ / "done");
    fs::remove(folder_ / "found");
    const std::string driver = file("driver", "zmodload zsh/zselect\n" + std::string(kZshDriver));
    return answers(run({"-f", driver, folder_.string(), typed},
                       {.environment = variables(), .program = "/usr/bin/zsh"}));
  }

  // By the shell's name.
  Strings complete(const std::string& shell_name, const std::string& typed,
                   const std::string& script = "") const {
    return shell_name == "bash"   ? bash(typed, script)
           : shell_name == "fish" ? fish(typed, script)
                                  : zsh(typed, script);
  }

 private:
  std::map<std::string, std::string> variables() const {
    return {{"HOME", path("home")}, {"PATH", path("prefix/bin") + ":" + std::getenv("PATH")}};
  }
  static Strings answers(const RunResult& result) {
    EXPECT_THAT(result.err, Not(HasSubstr("rror"))) << result.err;
    Strings words = lines_of(result.out);
    for (std::string& word : words) word.erase(word.find_last_not_of(" \r") + 1);
    std::erase(words, "");
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words;
  }
};

class EachShellTest : public CompletionsCliTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (!is_installed(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
    CompletionsCliTest::SetUp();
  }
  Strings offered(const std::string& typed, const std::string& script = "") const {
    return complete(GetParam(), typed, script);
  }
};

TEST_P(EachShellTest, CommandsAreOfferedAndOptionsBeforeThemAreSeen) {
  EXPECT_THAT(offered("medgen tok"), ElementsAre("tokenize"));
  EXPECT_THAT(offered("medgen "), IsSupersetOf({"batch", "session", "train-tokenizer", "manual"}));
  EXPECT_THAT(offered("medgen --seed 7 rep"), ElementsAre("reproduce"));
  EXPECT_THAT(offered("medgen --quiet batch --retry"), ElementsAre("--retry-errors"));
}

TEST_P(EachShellTest, OptionsAreThoseOfTheCommand) {
  EXPECT_THAT(offered("medgen batch --row"), ElementsAre("--row-settings"));
  EXPECT_THAT(offered("medgen --neg"), ElementsAre("--negative-prompt", "--negative-prompt-ids"));
  EXPECT_THAT(offered("medgen batch --tas"), IsEmpty());
  EXPECT_THAT(offered("medgen train --muo"), ElementsAre("--muon-learning-rate"));
}

TEST_P(EachShellTest, WordsTasksAndSettingsAreKnown) {
  EXPECT_THAT(offered("medgen batch prompts.jsonl --format "), ElementsAre("csv", "jsonl", "txt"));
  EXPECT_THAT(offered("medgen train --precision b"), ElementsAre("bf16"));
  EXPECT_THAT(offered("medgen --task "),
              ElementsAre("advice", "conditions", "medication", "symptoms"));
  EXPECT_THAT(offered("medgen --early-stopping n"), ElementsAre("never"));
  EXPECT_THAT(offered("medgen completions "), ElementsAre("bash", "fish", "zsh"));
  EXPECT_THAT(offered("medgen manual medgen-tok"), ElementsAre("medgen-tokenize.1"));
  // zsh leaves what is there already to the line.
  const std::string begun = GetParam() == std::string("zsh") ? "" : "temperature,";
  EXPECT_THAT(offered("medgen batch prompts.jsonl --row-settings temperature,top_"),
              UnorderedElementsAre(begun + "top_h", begun + "top_k", begun + "top_n_sigma",
                                   begun + "top_p"));
  Strings axes = offered("medgen sweep prompts.jsonl --grid top_n");
  EXPECT_THAT(axes, ElementsAre(StartsWith("top_n_sigma")));
}

TEST_P(EachShellTest, FilesFoldersAndModelsAreFound) {
  EXPECT_THAT(offered("medgen batch pro"), ElementsAre("prompts.jsonl"));
  const Strings models = offered("medgen --model mo");
  EXPECT_THAT(models, Contains("model.pt"));
  EXPECT_THAT(models, Contains(StartsWith("models")));
  EXPECT_THAT(offered("medgen --model pro"), Not(Contains("prompts.jsonl")));
  EXPECT_THAT(offered("medgen clean mod"), ElementsAre(StartsWith("models")));
  EXPECT_THAT(
      offered("medgen --model "),
      IsSupersetOf({path("prefix/share/medgen/models/installed"), std::string("model.pt")}));
}

TEST_P(EachShellTest, ATextIsNotCompleted) {
  EXPECT_THAT(offered("medgen generate --stop pro"), IsEmpty());
  EXPECT_THAT(offered("medgen generate --top-k "), Not(Contains("prompts.jsonl")));
}

// Companion: what the script lacks is not offered.
TEST_P(EachShellTest, AScriptWithoutAnOptionIsNoticed) {
  const std::string name = GetParam() == std::string("fish") ? "row-settings" : "--row-settings";
  const std::string script =
      std::regex_replace(script_for(GetParam()), std::regex(name), name + "x");
  EXPECT_THAT(offered("medgen batch --row", script), Not(Contains("--row-settings")));
}

INSTANTIATE_TEST_SUITE_P(Shells, EachShellTest, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_F(CompletionsCliTest, BashKnowsEveryOptionOfEveryCommand) {
  const std::string script = script_for("bash");
  const std::regex command("^  ([a-z][a-z-]+)  +[a-z]"), option("^  (?:-.,)?(--[a-z][a-z0-9-]*)");
  std::smatch match;
  int commands = 0;
  for (const std::string& line : lines_of(run({"--help"}).out)) {
    if (!std::regex_search(line, match, command)) continue;
    const std::string name = match[1];
    Strings expected;
    for (const std::string& row : lines_of(run({name, "--help"}).out)) {
      if (std::regex_search(row, match, option)) expected.push_back(match[1]);
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(bash("medgen " + name + " --", script), expected) << name;
    ++commands;
  }
  EXPECT_GT(commands, 20);
}

TEST_F(CompletionsCliTest, AnEqualsSignIsNoObstacle) {
  EXPECT_THAT(bash("medgen --task=ad"), ElementsAre("advice"));
  EXPECT_THAT(bash("medgen --task="),
              ElementsAre("advice", "conditions", "medication", "symptoms"));
  EXPECT_THAT(bash("medgen sweep in.txt --grid temperature=0"), IsEmpty());
  EXPECT_THAT(bash("medgen --top_k 3 --task=ad"), ElementsAre("advice"));
}

TEST_F(CompletionsCliTest, AnInteractiveBashCompletesWhatIsTyped) {
  file("medgen.bash", script_for("bash"));
  Process shell(
      {"--norc", "--noprofile", "-i"},
      {.environment = {{"PS1", "> "}, {"TERM", "dumb"}}, .terminal = true, .program = "/bin/bash"});
  shell.type("cd " + shell_word(folder_) + "; medgen() { echo \"got:$*:\"; }; . ./medgen.bash\n");
  shell.type("medgen bat\tpro\t--row-s\ttop_n\t\n");
  EXPECT_TRUE(shell.wait_for_output("got:batch prompts.jsonl --row-settings top_n_sigma:"));
  shell.type("medgen --task=ad\t\n");
  EXPECT_TRUE(shell.wait_for_output("got:--task=advice:"));
  shell.type("exit\n");
  shell.wait();
}

TEST_F(CompletionsCliTest, AnotherShellIsRefusedAndTheScriptsAreSound) {
  const RunResult other = run({"completions", "tcsh"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("give one of bash, zsh, fish"));
  EXPECT_EQ(run({"completions"}).status, 2);
  if (is_installed("shellcheck")) {
    EXPECT_EQ(shell("shellcheck " + shell_word(file("medgen.bash", script_for("bash")))).out, "");
  }
}

}  // namespace
}  // namespace medgen::cli_tests
