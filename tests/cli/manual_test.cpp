// The manual: a page for each command that names what its help names, in roff that groff and mandoc
// read without a warning.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"
#include "cli/shell.h"
#include "places.h"
#include "session/command.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Strings = std::vector<std::string>;

Strings matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern, std::regex::ECMAScript | std::regex::multiline);
  Strings found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.push_back((*it)[1]);
  }
  return found;
}

Strings commands_of_help() { return matches(run({"--help"}).out, "^  ([a-z][a-z-]+)  +[a-z]"); }

Strings options_of_help(const std::string& command) {
  return matches(run({command, "--help"}).out, "^  (?:-.,)?(--[a-z][a-z0-9-]*)");
}

std::string page(const std::string& name) {
  const RunResult result = run({"manual", name});
  EXPECT_EQ(result.status, 0) << result.err;
  return result.out;
}

// Those that have no entry in the page.
Strings missing_entries(const std::string& roff, const Strings& options) {
  const std::string text = std::regex_replace(roff, std::regex("\\\\-"), "-");
  Strings missing;
  for (const std::string& option : options) {
    const std::regex entry("\n\\.TP\n(\\\\fB-.\\\\fR, )?\\\\fB" + option + "\\\\fR");
    if (!std::regex_search(text, entry)) missing.push_back(option);
  }
  return missing;
}

class ManualCliTest : public FolderTest {};

TEST_F(ManualCliTest, EveryCommandHasAPageWithEveryOptionOfItsHelp) {
  const Strings commands = commands_of_help();
  ASSERT_THAT(commands, Contains("train-tokenizer"));
  const Strings pages = lines_of(run({"manual"}).out);
  EXPECT_THAT(pages, SizeIs(commands.size() + 3));  // medgen(1), and two of other sections
  for (const std::string& command : commands) {
    const Strings options = options_of_help(command);
    EXPECT_THAT(options, Contains("--show-config")) << command;
    const std::string name = "medgen-" + command + ".1";
    ASSERT_THAT(pages, Contains(name));
    Strings with_page = options;
    std::erase(with_page, "--help");  // on medgen(1)
    EXPECT_THAT(missing_entries(page(name), with_page), IsEmpty()) << command;
  }
  EXPECT_THAT(missing_entries(page("medgen.1"), {"--help", "--show-config"}), IsEmpty());
}

TEST_F(ManualCliTest, AnOptionThatAPageLacksIsNoticed) {
  std::string roff = page("medgen-batch.1");
  const std::string entry = "\\fB\\-\\-carry\\fR";
  ASSERT_NE(roff.find(".TP\n" + entry), std::string::npos);
  roff.erase(roff.find(".TP\n" + entry), 4);
  EXPECT_EQ(missing_entries(roff, {"--carry", "--shard", "--output"}), Strings{"--carry"});
}

// What the two say of a page; nothing where all is well.
std::string complaints_about(const fs::path& file) {
  return shell("groff -man -Tutf8 -ww -z " + shell_word(file)).out +
         shell("mandoc -T lint -W warning " + shell_word(file)).out;
}

TEST_F(ManualCliTest, GroffAndMandocReadEveryPageWithoutAWarning) {
  if (!is_installed("groff") || !is_installed("mandoc")) GTEST_SKIP() << "groff or mandoc missing";
  for (const std::string& name : lines_of(run({"manual"}).out)) {
    const RunResult made =
        run({"manual", name}, {.environment = {{"SOURCE_DATE_EPOCH", "1700000000"}}});
    EXPECT_THAT(made.out, HasSubstr("\"2023-11-14\"")) << name;
    EXPECT_EQ(complaints_about(file(name, made.out)), "") << name;
  }
  // Companion: a fault is told.
  EXPECT_NE(complaints_about(file("bad.1", page("medgen.1") + ".NOSUCH\n")), "");
}

TEST_F(ManualCliTest, ManShowsDashesQuotesAndBackslashesAsTheyAreTyped) {
  if (!is_installed("man")) GTEST_SKIP() << "man is missing";
  const std::string shown =
      shell("MANWIDTH=100 man -l " + shell_word(file("p.1", page("medgen-generate.1"))) +
            " | col -b | tr -s '[:space:]' ' '")
          .out;
  EXPECT_THAT(shown, AllOf(HasSubstr("--top-k N"), HasSubstr("-n, --num-return-sequences N"),
                           HasSubstr("\\n in it is a line break"), HasSubstr("{\"ID\": BIAS, ...}"),
                           HasSubstr("[MEDGEN_TOP_K]"), HasSubstr("--color auto|always|never"),
                           HasSubstr("SEE ALSO"), Not(HasSubstr("\\f"))));
}

TEST_F(ManualCliTest, TheSessionsPageHasItsCommandsAndTheFilesPageTheMembersOfARecord) {
  const std::string session = page("medgen-session.7");
  for (const session::CommandInfo& info : session::command_infos()) {
    EXPECT_THAT(session, HasSubstr("\n\\fB/" + std::string(info.name) + "\\fR"));
  }
  const std::string files = page("medgen-files.5");
  const RunResult made =
      run({"--model", tiny_model(), "--json", "-n", "1", "--max-new-tokens", "2", "ill"});
  const nlohmann::json record = nlohmann::json::parse(made.out);
  EXPECT_TRUE(record.contains("completions"));
  for (const auto& [member, value] : record.items()) {
    EXPECT_THAT(files, HasSubstr("\n\\fB" + member + "\\fR\n"));
  }
  EXPECT_THAT(files, AllOf(HasSubstr("manifest.json"), HasSubstr("packed")));
}

TEST_F(ManualCliTest, WhatIsWrittenIsTheSameBytesEveryTime) {
  const auto written = [&](const std::string& name) {
    const ShellResult result =
        shell("umask 022; SOURCE_DATE_EPOCH=86400 " +
              shell_word(fs::path(MEDGEN_SOURCE_DIR) / "scripts/write_documents") + " " +
              shell_word(path(name)) + " " MEDGEN_PROGRAM);
    EXPECT_EQ(result.status, 0) << result.out;
  };
  written("a");
  written("b");
  EXPECT_EQ(shell("diff -r " + shell_word(path("a")) + " " + shell_word(path("b"))).out, "");
  EXPECT_EQ(
      shell("zcat " + shell_word(folder_ / "a/man/man1/medgen-batch.1.gz") + " | head -1").out,
      ".TH MEDGEN\\-BATCH 1 \"1970-01-02\" \"medgen " +
          lines_of(run({"--version"}).out)[0].substr(7) + "\" \"medgen manual\"\n");
  for (const char* file : {"bash-completion/completions/medgen", "zsh/site-functions/_medgen",
                           "fish/vendor_completions.d/medgen.fish", "man/man5/medgen-files.5.gz",
                           "man/man7/medgen-session.7.gz"}) {
    EXPECT_TRUE(fs::exists(folder_ / "a" / file)) << file;
  }
}

TEST_F(ManualCliTest, APageThatThereIsNotAndADateThatIsNoneAreRefused) {
  const RunResult other = run({"manual", "medgen-bach.1"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("PAGE is"), HasSubstr("medgen manual lists them")));
  // A command's name will do, and of two pages of one name the first.
  EXPECT_EQ(page("batch"), page("medgen-batch.1"));
  EXPECT_EQ(page("medgen-session"), page("medgen-session.1"));
  EXPECT_EQ(page("files"), page("medgen-files.5"));
  for (const char* date : {"tomorrow", "-1", "1e9", "99999999999999999999"}) {
    const RunResult result =
        run({"manual", "medgen.1"}, {.environment = {{"SOURCE_DATE_EPOCH", date}}});
    EXPECT_EQ(result.status, 2) << date;
    EXPECT_THAT(result.err, HasSubstr("give seconds since 1970"));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
