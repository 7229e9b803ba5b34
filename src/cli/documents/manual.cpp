// See the header.
#include "cli/documents/manual.h"

#include <fmt/format.h>

#include <stdexcept>

#include "cli/options/command_line.h"
#include "medgen/version.h"

namespace medgen::cli {
namespace {

std::string page_of(const Command& command) { return fmt::format("medgen-{}", command.name); }

const Command* command_of(const ManualPage& page) {
  for (const Command& command : commands()) {
    if (page.section == 1 && page.name == page_of(command)) return &command;
  }
  return nullptr;
}

// The heading under which help lists it.
std::string_view group_of(const Command& command) {
  std::string_view group;
  for (const Command& one : commands()) {
    if (!one.group.empty()) group = one.group;
    if (&one == &command) break;
  }
  return group;
}

// Of a command those that are listed with it, of medgen(1) all; medgen(1) and other sections of
// each.
bool is_related(const ManualPage& page, const ManualPage& other) {
  if (other.file() == page.file()) return false;
  const Command *one = command_of(page), *two = command_of(other);
  if (two == nullptr || (page.section == 1 && one == nullptr)) return true;
  return one == nullptr ? other.name == page.name : group_of(*one) == group_of(*two);
}

void see_also(RoffPage& out, const ManualPage& page) {
  std::string roff;
  for (const ManualPage& other : manual_pages()) {
    if (!is_related(page, other)) continue;
    roff +=
        (roff.empty() ? "" : ",\n") + roff_bold(other.name) + fmt::format("({})", other.section);
  }
  out.section("SEE ALSO");
  out.line(roff);
}

}  // namespace

CommandShape shape_of(const Command& command) {
  try {
    command.run({"--help"});
  } catch (const HelpRequested& help) {
    return help.shape;
  }
  throw std::logic_error(std::string(command.name) + " has no help");
}

std::vector<ManualPage> manual_pages() {
  std::vector<ManualPage> pages{{"medgen", 1, "continues texts about symptoms with a GPT-2"}};
  for (const Command& command : commands()) {
    pages.push_back({page_of(command), 1, std::string(command.summary)});
  }
  pages.push_back({"medgen-files", 5, "the files that medgen reads and writes"});
  pages.push_back({"medgen-session", 7, "what is typed in a session of medgen"});
  return pages;
}

std::string manual_page(const ManualPage& page, std::string_view date) {
  RoffPage out(page.name, page.section, date, fmt::format("medgen {}", version()));
  out.section("NAME");
  out.line(roff_escaped(page.name) + " \\- " + roff_escaped(page.summary));
  if (const Command* command = command_of(page)) {
    write_command(out, *command);
  } else if (page.section == 1) {
    write_overview(out);
  } else if (page.section == 5) {
    write_files(out);
  } else {
    write_session(out);
  }
  see_also(out, page);
  return out.text();
}

}  // namespace medgen::cli
