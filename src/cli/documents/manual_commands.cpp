// medgen(1), and the page of each command.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/documents/manual.h"
#include "cli/options/command_line.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

// "-o, --output FILE"; words that are all that is allowed stand for themselves.
std::string tag_of(const OptionShape& option) {
  if (option.positional) return roff_italic(option.name);
  std::string tag = option.letter == 0 ? "" : roff_bold(fmt::format("-{}", option.letter)) + ", ";
  tag += roff_bold(option.name);
  if (option.flag) return tag;
  if (option.use != WordUse::kOnly) return tag + " " + roff_italic(option.metavar);
  std::string words;
  for (const std::string& word : option.words) {
    words += (words.empty() ? " " : "|") + roff_bold(word);
  }
  return tag + words;
}

std::string names_listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string text_of_option(const OptionShape& option) {
  std::string text = option.help;
  if (!option.excludes.empty()) text += " Not with " + names_listed(option.excludes) + ".";
  if (!option.positional) text += " [`" + environment_name(option.name) + "`]";
  return text;
}

void write_options(RoffPage& page, const std::vector<OptionShape>& options) {
  for (const OptionShape& option : options) page.item(tag_of(option), text_of_option(option));
}

// What every command takes.
std::vector<OptionShape> common_options() {
  std::vector<OptionShape> common = shape_of(commands().front()).options;
  for (const Command& command : commands()) {
    const std::vector<OptionShape> options = shape_of(command).options;
    std::erase_if(common, [&](const OptionShape& one) {
      return std::none_of(options.begin(), options.end(), [&](const OptionShape& other) {
        return other.name == one.name && other.help == one.help;
      });
    });
  }
  for (OptionShape& one : common) one.excludes.clear();  // what not all of them have
  return common;
}

void write_exit_status(RoffPage& page) {
  page.section("EXIT STATUS");
  const std::pair<const char*, const char*> statuses[] = {
      {"0", "Success. Also where the reader of standard output goes away."},
      {"1", "Failure at run time."},
      {"2", "Wrong usage: an option, a value, a text or a row that cannot be used."},
      {"3", "Unusable model or tokenizer."},
      {"4", "Complete, but some prompts or rows failed (batch, sweep); the pages say more."},
      {"130", "Interrupted."}};
  for (const auto& [status, meaning] : statuses) page.item(roff_bold(status), meaning);
}

void write_variables(RoffPage& page) {
  page.section("ENVIRONMENT");
  page.paragraph(
      "Every option has a variable, which stands in square brackets behind it. The command line "
      "wins over a variable, and a variable over a configuration file. A variable that begins with "
      "MEDGEN_ and that nothing reads is named. Besides these:");
  const std::pair<const char*, const char*> variables[] = {
      {"MEDGEN_LOG", "debug is as --verbose: what the engine does and how long it takes."},
      {"MEDGEN_ISA",
       "The instruction set of the kernels, in place of the best that the processor has. It "
       "changes no result."},
      {"MEDGEN_PARSE_ONLY", "1: only read the command line and say whether it is accepted."},
      {"XDG_CONFIG_HOME, XDG_CACHE_HOME",
       "Where the user's key and packed weights are kept, see medgen-files(5)."},
      {"NO_COLOR, TERM", "Whether a terminal shows colours, and what it can."},
      {"SOURCE_DATE_EPOCH", "The date that `medgen manual` gives its pages, in seconds."}};
  for (const auto& [name, meaning] : variables) page.item(roff_bold(name), meaning);
}

}  // namespace

void write_overview(RoffPage& page) {
  page.section("SYNOPSIS");
  page.line(roff_bold("medgen") + " [" + roff_italic("OPTIONS") + "] [" + roff_italic("TEXT") +
            "]\n.br\n" + roff_bold("medgen") + " " + roff_italic("COMMAND") + " [" +
            roff_italic("OPTIONS") + "] ...");
  page.section("DESCRIPTION");
  page.paragraph(
      "Continues a sentence about symptoms in several ways, with a GPT-2 language model that runs "
      "on this machine. It is a tool for research, for two questions: how do small language "
      "models write about illness, and how do sampling settings change what they write? A "
      "statistical model makes up the text. It may be wrong, and it knows nothing about the person "
      "typing. Nothing that is typed leaves the machine: there is no network code.");
  page.paragraph(safety::notice());
  page.paragraph(
      "Alone on a terminal medgen opens a session, see medgen-session(7). The first argument that "
      "is no option names the command; anything else goes to `generate`. A TEXT that is the same "
      "word as a command needs the command spelled out: `medgen generate inspect`. Texts of the "
      "model go to standard output, all else to standard error.");
  page.section("COMMANDS");
  for (const Command& command : commands()) {
    if (!command.group.empty()) page.subsection(command.group);
    page.item(roff_bold(fmt::format("medgen-{}", command.name)) + "(1)",
              std::string(command.summary) + ".");
  }
  page.section("OPTIONS");
  page.paragraph("Every command has a page with its options. All of them take these:");
  page.item(roff_bold("-h") + ", " + roff_bold("--help"),
            "Print the options of the command and exit.");
  write_options(page, common_options());
  write_exit_status(page);
  write_variables(page);
}

void write_command(RoffPage& page, const Command& command) {
  const CommandShape shape = shape_of(command);
  page.section("SYNOPSIS");
  std::string synopsis = roff_bold(shape.name) + " [" + roff_italic("OPTIONS") + "]";
  for (const OptionShape& option : shape.options) {
    if (!option.positional) continue;
    const std::string name = roff_italic(option.name) + (option.many ? " ..." : "");
    synopsis += option.required ? " " + name : " [" + name + "]";
  }
  page.line(synopsis);
  page.section("DESCRIPTION");
  page.paragraph(shape.description);
  page.section("OPTIONS");
  write_options(page, shape.options);
  page.paragraph(
      "Each can also be set by the variable in square brackets; the command line wins. `medgen`(1) "
      "lists the exit status.");
}

}  // namespace medgen::cli
