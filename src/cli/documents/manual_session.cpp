// medgen-session(7): what is typed in a session, from the table that its /help shows.
#include <fmt/format.h>

#include <utility>

#include "cli/documents/manual.h"
#include "session/command.h"

namespace medgen::cli {

void write_session(RoffPage& page) {
  page.section("DESCRIPTION");
  page.paragraph(
      "`medgen` alone on a terminal, or `medgen session`, opens a session: a text is typed, "
      "continued in several ways at once, and gone on with. A machine makes up the continuations; "
      "each is marked as its work, with its number and its seed. They may be wrong, and they know "
      "nothing about anybody's health.");
  page.paragraph(
      "A line that begins with a slash is a command; two slashes begin a text with one. All else "
      "is a text.");
  page.section("COMMANDS");
  for (const session::CommandInfo& info : session::command_infos()) {
    const std::string values(info.values);
    page.item(roff_bold(fmt::format("/{}", info.name)) +
                  (values.empty() ? "" : " " + roff_italic(values)),
              fmt::format("{}.", info.summary));
  }
  page.section("KEYS");
  const std::pair<const char*, const char*> keys[] = {
      {"Tab", "Completes commands, and behind them settings, tasks and names of files."},
      {"Alt-Enter", "Begins a new line in the text; so does a backslash at a line's end."},
      {"Ctrl-C", "Stops the texts and keeps what is there; or clears the line."},
      {"Ctrl-L", "Clears the screen."},
      {"Ctrl-D", "Ends the session, on an empty line."}};
  for (const auto& [key, meaning] : keys) page.item(roff_bold(key), meaning);
  page.section("WHAT IS KEPT");
  page.paragraph(
      "What is typed stays in memory: there is no history file, nothing in `ps`, and no core. "
      "`/new` is for the next patient: it forgets all texts, overwrites them and clears the "
      "screen. So does a session in which nobody types for as long as --clear-after says. Without "
      "--save-folder a session can write no file at all. What `/save` makes are records, see "
      "medgen-files(5), for their user alone.");
}

}  // namespace medgen::cli
